"""What a design takes by the cost model: instance by instance, the shell included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flow.hardware.costs.model import CostModel, load_model
from flow.hardware.design import Design
from flow.hardware.kernels import kernel_of
from flow.hardware.kernels.loader import Loader
from flow.hardware.kernels.shell import Shell
from flow.hardware.synthesis.utilisation import Utilisation

SHELL = "shell"
"""Name of the shell among the instances."""
LOADER = "loader"
"""Name of the loader among the instances of a loadable design."""


@dataclass(frozen=True)
class Instance:
    """A kernel with its place in the design."""

    name: str
    module: str
    parameters: Mapping[str, int | str]
    cycles: int = 0
    """Ideal cycles of a frame."""


@dataclass(frozen=True)
class DesignCost:
    """Utilisation by instance."""

    instances: Mapping[str, Utilisation]

    @property
    def total(self) -> Utilisation:
        """Sum over the instances."""
        total = Utilisation()
        for utilisation in self.instances.values():
            total += utilisation
        return total


def estimate(
    instances: Iterable[Instance], family: str, model: CostModel | None = None
) -> DesignCost:
    """Return what `instances` take on `family`; UserError for a module without a cost model."""
    known = model or load_model()
    return DesignCost(
        {
            instance.name: known.cost(kernel_of(instance.module, instance.parameters), family)
            for instance in instances
        }
    )


def price(design: Design, family: str, model: CostModel | None = None) -> DesignCost:
    """Return what a design takes on `family` by the cost model."""
    return estimate(design_instances(design), family, model)


def design_instances(design: Design) -> list[Instance]:
    """Return every instance of a design, loader and shell last."""
    found = [Instance(n.name, n.module, n.parameters, n.ideal_cycles) for n in design.nodes]
    if design.loadable:
        loader = Loader(design.load_words, len(design.loaded_memories))
        found.append(Instance(LOADER, loader.module, loader.parameters()))
    shell = shell_kernel(design)
    return [*found, Instance(SHELL, shell.module, shell.parameters())]


def shell_kernel(design: Design) -> Shell:
    """Return the shell around a design's core."""
    first, last, shell = design.input_stream, design.output_stream, design.shell
    return Shell(
        dma_width=shell.dma_width_bits,
        in_width=first.lanes * 8,
        in_words=first.beats,
        in_beats=shell.in_frame_bytes * 8 // shell.dma_width_bits,
        out_lanes=last.lanes,
        out_elem_bits=last.elem_bits,
        out_signed=last.signed,
        out_dma_bits=shell.out_elem_bits,
        out_words=last.beats,
        load_words=design.load_words,
    )


def rounded(utilisation: Utilisation) -> dict[str, float]:
    """Return the counts as a report shows them: LUTs and registers are whole."""
    found = utilisation.as_dict()
    return {**found, "lut": round(found["lut"]), "ff": round(found["ff"])}
