"""Layers as folding sees them, read from and written to FINN's hardware graph."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flow.hw.stream import pooled_pixels
from flow.tools.finn import custom_op

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper

INTERNAL_STYLES = ("block", "distributed")
"""Where the weights of a layer can lie: block RAM, or LUTs."""
STYLES = (*INTERNAL_STYLES, "ultra")
"""With UltraRAM, which has no initial contents: weights in it are loaded after reset."""
_PIXELS = "bnnflow.pixels"
"""Metadata property of a folded graph: pixels by MVAU, for which FINN has no attribute."""


@dataclass(frozen=True)
class Window:
    """The sliding window in front of a convolution."""

    size: tuple[int, int]
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    """top, left, bottom, right"""


@dataclass(frozen=True)
class Pool:
    """The max-pool behind a layer."""

    size: tuple[int, int]
    pool: tuple[int, int]


@dataclass(frozen=True)
class LayerShape:
    """A matrix-vector layer with what stands around it."""

    name: str
    mw: int
    """Input elements of a vector."""
    mh: int
    """Output channels."""
    vectors: int
    """Vectors of a frame: output pixels of a convolution, 1 for a fully connected layer."""
    simd_divides: int
    """SIMD divides this: a window hands on whole groups of one pixel's channels."""
    in_bits: int = 1
    in_signed: bool = False
    flags: bool = False
    """Whether padding flags go with the input."""
    weight_bits: int = 1
    steps: int = 1
    """Thresholds of a channel; 0 where accumulators go out."""
    code_bits: int = 1
    """Bits of an output element behind thresholds."""
    code_signed: bool = False
    acc_bits: int | None = None
    columns: int = 1
    """Columns of the map that goes out; 1 for a fully connected layer."""
    window_behind: bool = False
    """Whether a sliding window reads what comes out, behind the pools."""
    window: Window | None = None
    pools: tuple[Pool, ...] = field(default=())

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a frame."""
        return self.mw * self.mh * self.vectors

    def cycles(self, pe: int, simd: int, pixels: int = 1) -> int:
        """Return the ideal cycles of a frame in the product: a word of weights a cycle."""
        return (self.mh // pe) * (self.mw // simd) * self.vectors // pixels

    def window_words(self, simd: int) -> int:
        """Return the words of a frame into the window, where each holds one pixel's lanes."""
        if self.window is None:
            return 0
        height, width = self.window.size
        return height * width * self.window.channels // simd

    def pixels_out(self, pixels: int) -> int:
        """Return the pixels of a word behind the pools; ValueError where a pool is cut."""
        for pool in self.pools:
            pixels = pooled_pixels(pixels, pool.pool[1])
        return pixels

    def legal_pixels(self) -> list[int]:
        """Return how many pixels the layer can compute at a time, ascending.

        They divide the columns of the map and fit the pools. Only a window hands on several
        pixels, and only one of stride 1; nothing but a window takes several.
        """
        if self.window is None or self.window.stride[1] != 1:
            return [1]
        found = []
        for pixels in range(1, self.columns + 1):
            if self.columns % pixels or self._joins_too_many(pixels):
                continue
            try:
                out = self.pixels_out(pixels)
            except ValueError:
                continue
            if out == 1 or self.window_behind:
                found.append(pixels)
        return found

    def _joins_too_many(self, pixels: int) -> bool:
        """Whether more than two codes of a word meet in a pool: their maximum is too deep."""
        return self.code_bits > 1 and any(min(pixels, p.pool[1]) > 2 for p in self.pools)


def scaled(layers: list[LayerShape], width: float) -> list[LayerShape]:
    """Return `layers` with all channel counts but the network's inputs and outputs scaled.

    Channels are rounded to multiples of 8, at least 8.
    """

    def channels(count: int) -> int:
        return max(8, round(count * width / 8) * 8)

    result = []
    for k, layer in enumerate(layers):
        first, last = k == 0, k == len(layers) - 1
        mh = layer.mh if last else channels(layer.mh)
        if first:
            mw, divides, window = layer.mw, layer.simd_divides, layer.window
        else:
            divides = channels(layer.simd_divides)
            mw = layer.mw // layer.simd_divides * divides
            window = layer.window and replace(layer.window, channels=divides)
        result.append(replace(layer, mw=mw, mh=mh, simd_divides=divides, window=window))
    return result


def layer_shapes(model: ModelWrapper) -> list[LayerShape]:
    """Return the matrix-vector layers of a FINN hardware graph, in order."""
    shapes: list[LayerShape] = []
    flagged = bits_in = False
    window: Window | None = None
    padding = (0, 0, 0, 0)
    pad_size: tuple[int, int] | None = None
    for node, following in _with_next(model):
        op = custom_op(node)
        if node.op_type == "FMPadding":
            padding = _four(op.get_nodeattr("Padding"))
            pad_size = _two(op.get_nodeattr("ImgDim"))
            continue
        if node.op_type == "ConvolutionInputGenerator":
            kernel, size = _two(op.get_nodeattr("ConvKernelDim")), _two(op.get_nodeattr("IFMDim"))
            if following is not None and following.op_type == "Pool":
                shapes[-1] = replace(shapes[-1], pools=(*shapes[-1].pools, Pool(size, kernel)))
                continue
            window = Window(
                pad_size or size,
                int(op.get_nodeattr("IFMChannels")),
                kernel,
                _two(op.get_nodeattr("Stride")),
                padding,
            )
            flagged = any(padding) and op.get_nodeattr("inputDataType") != "BINARY"
        if node.op_type == "MVAU":
            shapes.append(_shape(model, node, bits_in, window, flagged))
        if node.op_type in ("MVAU", "Thresholding"):
            bits_in = gives_bits(model, node)
        if node.op_type != "ConvolutionInputGenerator":
            window, flagged = None, False
        padding, pad_size = (0, 0, 0, 0), None
    return [
        replace(shape, window_behind=following is not None and following.window is not None)
        for shape, following in zip(shapes, [*shapes[1:], None], strict=True)
    ]


def gives_bits(model: ModelWrapper, node: Any) -> bool:
    """Whether a layer of FINN's gives a bipolar tensor, which takes one bit an element.

    Where the padding behind it is 0, FINN's form of it is INT2 with its one threshold doubled.
    """
    op = custom_op(node)
    kind = op.get_nodeattr("outputDataType")
    if kind != "INT2" or op.get_nodeattr("ActVal") != -1:
        return kind in ("BINARY", "BIPOLAR")
    place = 2 if node.op_type == "MVAU" else 1
    thresholds = model.get_initializer(node.input[place]) if len(node.input) > place else None
    return (
        thresholds is not None
        and thresholds.shape[1] == 2
        and bool((thresholds[:, 0] == thresholds[:, 1]).all())
    )


def _shape(
    model: ModelWrapper, node: Any, one_bit: bool, window: Window | None, flagged: bool
) -> LayerShape:
    from qonnx.core.datatype import DataType

    op = custom_op(node)
    sizes = [int(size) for size in op.get_nodeattr("numInputVectors")]
    vectors = math.prod(sizes)
    mw, mh = int(op.get_nodeattr("MW")), int(op.get_nodeattr("MH"))
    kind, weights = (
        DataType[op.get_nodeattr(name)] for name in ("inputDataType", "weightDataType")
    )
    weight_bits = 1
    if weights.name not in ("BINARY", "BIPOLAR"):
        weight_bits = int(weights.bitwidth()) + (not weights.signed())
    steps = 0 if op.get_nodeattr("noActivation") else 1
    output = DataType[op.get_nodeattr("outputDataType")]
    if steps and not gives_bits(model, node):
        steps = int(model.get_initializer(node.input[2]).shape[1])
    accumulator = DataType[op.get_nodeattr("accDataType")] if steps else output
    proven = not (one_bit and weight_bits == 1 and steps)
    return LayerShape(
        node.name,
        mw,
        mh,
        vectors,
        window.channels if window is not None else mw,
        in_bits=1 if one_bit else int(kind.bitwidth()),
        in_signed=not one_bit and bool(kind.signed()),
        flags=flagged and one_bit,
        weight_bits=weight_bits,
        steps=steps,
        code_bits=int(output.bitwidth()) if steps > 1 else 1,
        code_signed=steps > 1 and bool(output.signed()),
        acc_bits=int(accumulator.bitwidth()) if proven else None,
        columns=sizes[2] if len(sizes) == 3 else 1,
        window=window,
    )


def apply_folding(model: ModelWrapper, folding: Mapping[str, Any]) -> ModelWrapper:
    """Write each layer's `pe`, `simd`, `pixels` and `style` into the hardware graph.

    A window takes the SIMD of the layer behind it, a pool the PE of the layer before it: a pool
    takes one word a cycle and never limits.
    """
    lanes, pixels = 1, {}
    for node in model.graph.node:
        op = custom_op(node)
        if node.op_type == "MVAU":
            layer = folding[node.name]
            op.set_nodeattr("PE", layer.pe)
            op.set_nodeattr("SIMD", layer.simd)
            op.set_nodeattr("ram_style", layer.style)
            window = model.find_producer(node.input[0])
            if window is not None and window.op_type == "ConvolutionInputGenerator":
                custom_op(window).set_nodeattr("SIMD", layer.simd)
                padding = model.find_producer(window.input[0])
                if padding is not None and padding.op_type == "FMPadding":
                    custom_op(padding).set_nodeattr("SIMD", layer.simd)
            lanes = layer.pe
            pixels[node.name] = layer.pixels
        elif node.op_type == "Pool":
            op.set_nodeattr("PE", lanes)
            custom_op(model.find_producer(node.input[0])).set_nodeattr("SIMD", lanes)
    model.set_metadata_prop(_PIXELS, json.dumps(pixels))
    return model


def folded_pixels(model: ModelWrapper) -> dict[str, int]:
    """Return the pixels by MVAU that `apply_folding` wrote; empty for a graph not folded."""
    found: dict[str, int] = json.loads(model.get_metadata_prop(_PIXELS) or "{}")
    return found


def _with_next(model: ModelWrapper) -> Iterator[tuple[Any, Any | None]]:
    nodes = list(model.graph.node)
    yield from zip(nodes, [*nodes[1:], None], strict=True)


def _two(values: Any) -> tuple[int, int]:
    first, second = (int(v) for v in values)
    return first, second


def _four(values: Any) -> tuple[int, int, int, int]:
    a, b, c, d = (int(v) for v in values)
    return a, b, c, d
