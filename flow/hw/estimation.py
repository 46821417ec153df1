"""What a design takes by the cost model: instance by instance, the shell included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flow.hw.costs.kernels import loader, shell
from flow.hw.costs.model import CostModel, load_model
from flow.hw.netlist import Utilisation

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
class Estimate:
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
) -> Estimate:
    """Return what `instances` take on `family`; UserError for a module without a cost model."""
    known = model or load_model()
    return Estimate(
        {
            instance.name: known.kernel(instance.module, instance.parameters, family)
            for instance in instances
        }
    )


def shell_instance(
    dma_width_bits: int,
    first: tuple[int, int],
    last: tuple[int, int, int, bool],
    out_elem_bits: int,
    in_frame_bytes: int,
    load_words: int = 0,
) -> Instance:
    """Return the shell around a core as an instance.

    `first`: bits of an input word, words of a frame; `last`: lanes, bits of an element, words of
    a frame, whether signed; `load_words`: of a loadable core's load image.
    """
    width, words = first
    lanes, bits, out_words, signed = last
    values = shell(
        dma_width_bits,
        width,
        words,
        in_beats=in_frame_bytes * 8 // dma_width_bits,
        out_lanes=lanes,
        out_bits=bits,
        out_signed=signed,
        out_dma_bits=out_elem_bits,
        out_words=out_words,
        load_words=load_words,
    )
    return Instance(SHELL, "bnn_shell", values)


def loader_instance(load_words: int, memories: int) -> Instance:
    """Return the loader of a loadable core as an instance."""
    return Instance(LOADER, "bnn_loader", loader(load_words, memories))


def rounded(utilisation: Utilisation) -> dict[str, float]:
    """Return the counts as a report shows them: LUTs and registers are whole."""
    found = utilisation.as_dict()
    return {**found, "lut": round(found["lut"]), "ff": round(found["ff"])}
