"""Folding: how many output channels (PE) and input elements (SIMD) a layer computes at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flow.errors import UserError
from flow.tools.finn import custom_op

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper


@dataclass(frozen=True)
class LayerShape:
    """A matrix-vector layer as folding sees it."""

    name: str
    mw: int
    """Input elements of a vector."""
    mh: int
    """Output channels."""
    vectors: int
    """Vectors of a frame: output pixels of a convolution, 1 for a fully connected layer."""
    simd_divides: int
    """SIMD divides this: a window hands on whole groups of one pixel's channels."""


@dataclass(frozen=True)
class LayerFolding:
    """The parallelism of one layer and its ideal cycles for a frame."""

    pe: int
    simd: int
    cycles: int


@dataclass(frozen=True)
class Folding:
    """The parallelism of every layer."""

    layers: Mapping[str, LayerFolding]

    @property
    def bottleneck(self) -> str:
        """Name of the slowest layer."""
        return max(self.layers, key=lambda name: self.layers[name].cycles)

    @property
    def bottleneck_cycles(self) -> int:
        """Ideal cycles of the slowest layer for a frame."""
        return self.layers[self.bottleneck].cycles


def divisors(value: int) -> list[int]:
    """Return the divisors of `value`, ascending."""
    return [d for d in range(1, value + 1) if value % d == 0]


def choose_folding(
    layers: Iterable[LayerShape],
    target_fps: float,
    clock_mhz: float,
    wanted: Mapping[str, tuple[int | None, int | None]] | None = None,
) -> Folding:
    """Choose for each layer the smallest PE * SIMD whose ideal cycles reach `target_fps`.

    `wanted`: (pe, simd) by layer name, None where free; what is wanted is used whatever its speed.
    Raises UserError naming the layer that cannot reach the target, or an illegal wish.
    """
    budget = int(clock_mhz * 1e6 / target_fps)
    wanted = dict(wanted or {})
    shapes = list(layers)
    unknown = sorted(set(wanted) - {shape.name for shape in shapes})
    if unknown:
        raise UserError(
            f"fold: there is no layer {unknown[0]}; the layers are "
            f"{', '.join(shape.name for shape in shapes)} ([fold.layers.{unknown[0]}])"
        )
    chosen = {}
    for shape in shapes:
        pe, simd = wanted.get(shape.name, (None, None))
        options = [
            LayerFolding(p, s, (shape.mh // p) * (shape.mw // s) * shape.vectors)
            for p in _legal(shape, "PE", "MH", shape.mh, pe)
            for s in _legal(shape, "SIMD", "MW", shape.simd_divides, simd)
        ]
        fixed = pe is not None and simd is not None
        fast = [option for option in options if fixed or option.cycles <= budget]
        if not fast:
            best = min(options, key=lambda option: option.cycles)
            raise UserError(
                f"fold: layer {shape.name} needs {best.cycles} cycles a frame at its most parallel "
                f"(PE={best.pe}, SIMD={best.simd}), {budget} are allowed for {target_fps:g} fps at "
                f"{clock_mhz:g} MHz; set fold.target_fps "
                f"to {int(clock_mhz * 1e6 / best.cycles)} or less"
            )
        # Equal area: wide SIMD shares one accumulator and one threshold among more lanes.
        chosen[shape.name] = min(fast, key=lambda o: (o.pe * o.simd, o.cycles, o.pe))
    return Folding(chosen)


def _legal(shape: LayerShape, what: str, of: str, divides: int, wish: int | None) -> list[int]:
    legal = divisors(divides)
    if wish is None:
        return legal
    if wish not in legal:
        near = sorted(sorted(legal, key=lambda value: abs(value - wish))[:3])
        size = shape.mh if what == "PE" else shape.mw
        why = f"does not divide {of}={size}"
        if what == "SIMD" and size % wish == 0:
            why = f"does not divide the {divides} channels of a pixel"
        raise UserError(
            f"fold: layer {shape.name}: {what}={wish} {why}; "
            f"use one of {', '.join(map(str, near))} ([fold.layers.{shape.name}])"
        )
    return [wish]


def layer_shapes(model: ModelWrapper) -> list[LayerShape]:
    """Return the matrix-vector layers of a FINN hardware graph, in order."""
    shapes = []
    for node in model.graph.node:
        if node.op_type != "MVAU":
            continue
        op = custom_op(node)
        vectors = 1
        for size in op.get_nodeattr("numInputVectors"):
            vectors *= int(size)
        producer = model.find_producer(node.input[0])
        window = producer is not None and producer.op_type == "ConvolutionInputGenerator"
        mw = int(op.get_nodeattr("MW"))
        divides = int(custom_op(producer).get_nodeattr("IFMChannels")) if window else mw
        mh = int(op.get_nodeattr("MH"))
        shapes.append(LayerShape(node.name, mw, mh, vectors, divides))
    return shapes


def apply_folding(model: ModelWrapper, folding: Folding) -> ModelWrapper:
    """Write `folding` into the hardware graph: MVAUs, windows before and pools behind them."""
    lanes = 1
    for node in model.graph.node:
        op = custom_op(node)
        if node.op_type == "MVAU":
            layer = folding.layers[node.name]
            op.set_nodeattr("PE", layer.pe)
            op.set_nodeattr("SIMD", layer.simd)
            window = model.find_producer(node.input[0])
            if window is not None and window.op_type == "ConvolutionInputGenerator":
                custom_op(window).set_nodeattr("SIMD", layer.simd)
                padding = model.find_producer(window.input[0])
                if padding is not None and padding.op_type == "FMPadding":
                    custom_op(padding).set_nodeattr("SIMD", layer.simd)
            lanes = layer.pe
        elif node.op_type == "Pool":
            # As wide as the layer before it: a pool takes one word a cycle and never limits.
            op.set_nodeattr("PE", lanes)
            custom_op(model.find_producer(node.input[0])).set_nodeattr("SIMD", lanes)
    return model
