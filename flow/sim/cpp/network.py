"""The specialised graph as the layers that the compiled model computes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from flow.errors import UserError
from flow.tools.finn import custom_op

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

Kind = Literal["input_codes", "input_bits", "conv_codes", "conv_bits", "pool", "pool_codes"]
Shape = tuple[int, int, int]

_PLUMBING = frozenset({"BnnFifo_rtl", "BnnWidthConverter_rtl"})
_CODE_RANGE = range(-(2**15), 2**15)


@dataclass(frozen=True)
class Layer:
    """One layer of the compiled model; maps are (height, width, channels).

    A sliding window and the matrix-vector unit behind it are one convolution; a matrix-vector unit
    alone is the convolution whose kernel covers its input (or 1 x 1, where there are many vectors).

    name: node that gives the output. tensor: its output in the graph.
    table: int64 (256,) of the input layers. weights: int64 (outputs, KH * KW * channels), in
    {-1, +1} of conv_bits, columns in the order kernel row, kernel column, channel. thresholds:
    int64 (outputs, steps) on the dot product, ascending, None for the scores. pad: top, left.
    codes_out: a convolution gives low + rise * (thresholds reached) as a number; else it has one
    threshold and gives a bit, which is -1 or +1.
    """

    name: str
    tensor: str
    kind: Kind
    in_shape: Shape
    out_shape: Shape
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    pad_value: int = 0
    table: NDArray[np.int64] | None = None
    weights: NDArray[np.int64] | None = None
    thresholds: NDArray[np.int64] | None = None
    codes_out: bool = False
    low: int = -1
    rise: int = 2

    @property
    def gives_codes(self) -> bool:
        """Whether the output is numbers: neither bits nor scores."""
        return self.codes_out or self.kind in ("input_codes", "pool_codes")

    @property
    def scores(self) -> bool:
        """Whether the layer hands out its dot products."""
        return self.weights is not None and self.thresholds is None

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image, padding counted."""
        if self.weights is None:
            return 0
        return self.out_shape[0] * self.out_shape[1] * int(self.weights.size)

    @property
    def counted_bits(self) -> int:
        """Bits that are really counted for one image: words are filled up, padding is left out."""
        if self.kind != "conv_bits":
            return 0
        taps = 1
        for axis in range(2):
            starts = np.arange(self.out_shape[axis]) * self.stride[axis] - self.pad[axis]
            last = np.clip(self.in_shape[axis] - starts, 0, self.kernel[axis])
            first = np.clip(-starts, 0, self.kernel[axis])
            taps *= int(np.maximum(last - first, 0).sum())
        return taps * _filled(self.in_shape[2], 64) * _filled(self.out_shape[2], 8)


@dataclass(frozen=True)
class Network:
    """The layers in order; the last one gives the scores."""

    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image."""
        return sum(layer.macs for layer in self.layers)

    @property
    def binary_macs(self) -> int:
        """Those of them that are XNOR and popcount."""
        return sum(layer.macs for layer in self.layers if layer.kind == "conv_bits")

    @property
    def counted_bits(self) -> int:
        """Bits the compiled model really counts for one image."""
        return sum(layer.counted_bits for layer in self.layers)


def read_network(model: ModelWrapper) -> Network:
    """Return the layers of a specialised (or sized) graph: a chain of our RTL layers.

    Raises UserError naming the node that cannot be part of such a chain.
    """
    reader = _Reader(model)
    for node in model.graph.node:
        reader.read(node)
    return Network(reader.finish())


class _Reader:
    """Goes along the chain; keeps a window until the matrix-vector unit behind it comes."""

    def __init__(self, model: ModelWrapper) -> None:
        self._model = model
        self._layers: list[Layer] = []
        self._window: NodeProto | None = None
        self._tensor = model.graph.input[0].name

    def read(self, node: NodeProto) -> None:
        if node.input[0] != self._tensor:
            raise UserError(
                f"cppsim: {node.name} reads {node.input[0]}, not the output of the node in front "
                f"of it ({self._tensor}); only chains of layers are supported"
            )
        if self._layers and self._layers[-1].scores:
            raise UserError(f"cppsim: {node.name} stands behind the scores; nothing may")
        self._tensor = node.output[0]
        op = custom_op(node)
        if node.op_type in _PLUMBING:
            return
        if node.op_type in ("BnnInputTable_rtl", "BnnInputOffset_rtl"):
            self._layers.append(self._input(node, op))
        elif node.op_type == "BnnSlidingWindow_rtl":
            self._window = node
        elif node.op_type == "BnnMVU_rtl":
            self._layers.append(self._convolution(node, op))
            self._window = None
        elif node.op_type == "BnnMaxPool_rtl":
            self._layers.append(self._pool(node, op))
        else:
            raise UserError(f"cppsim: {node.name} ({node.op_type}) is none of our RTL layers")

    def finish(self) -> tuple[Layer, ...]:
        if not self._layers or not self._layers[-1].scores:
            raise UserError("cppsim: the graph does not end with a layer that gives scores")
        return tuple(self._layers)

    def _input(self, node: NodeProto, op: Any) -> Layer:
        if self._layers:
            raise UserError(f"cppsim: {node.name} quantises pixels, but is not the first layer")
        if node.op_type == "BnnInputOffset_rtl":
            table = np.arange(256) - int(op.get_nodeattr("Offset"))
        else:
            table = self._integers(node, 1)
        if table.min() < _CODE_RANGE.start or table.max() >= _CODE_RANGE.stop:
            raise UserError(f"cppsim: {node.name} gives codes that need more than 16 bits")
        shape = _map_shape(op.get_normal_input_shape())
        bits = op.get_nodeattr("outputDataType") == "BIPOLAR"
        kind: Kind = "input_bits" if bits else "input_codes"
        return Layer(node.name, node.output[0], kind, shape, shape, table=table)

    def _in_shape(self, node: NodeProto) -> Shape:
        if not self._layers:
            raise UserError(f"cppsim: {node.name} stands in front of the input quantiser")
        return self._layers[-1].out_shape

    def _convolution(self, node: NodeProto, op: Any) -> Layer:
        in_shape = self._in_shape(node)
        weights = self._integers(node, 1).T
        if np.any(np.abs(weights) != 1):
            self._give_codes()
        codes = self._layers[-1].gives_codes
        thresholds = None if op.get_nodeattr("noActivation") else self._integers(node, 2)
        bipolar = op.get_nodeattr("outputDataType") == "BIPOLAR"
        outputs = weights.shape[0]
        geometry: dict[str, Any] = {}
        if self._window is not None:
            window = custom_op(self._window)
            top, left, bottom, right = (int(v) for v in window.get_nodeattr("Padding"))
            pad_value = int(window.get_nodeattr("PadValue"))
            if codes and pad_value and any((top, left, bottom, right)):
                raise UserError(
                    f"cppsim: {self._window.name} pads codes with {pad_value}; only 0 is supported"
                )
            height, width = (int(v) for v in window.get_nodeattr("OFMDim"))
            geometry = {
                "kernel": tuple(int(v) for v in window.get_nodeattr("ConvKernelDim")),
                "stride": tuple(int(v) for v in window.get_nodeattr("Stride")),
                "pad": (top, left),
                "pad_value": pad_value,
            }
        elif math.prod(in_shape) == weights.shape[1]:
            height = width = 1
            geometry = {"kernel": in_shape[:2]}
        else:
            height, width = in_shape[:2]
        layer = Layer(
            node.name,
            node.output[0],
            "conv_codes" if codes else "conv_bits",
            in_shape,
            (height, width, outputs),
            weights=weights,
            thresholds=thresholds,
            codes_out=thresholds is not None and not bipolar,
            low=-1 if bipolar else int(op.get_nodeattr("ActVal")),
            rise=2 if bipolar else 1,
            **geometry,
        )
        self._check(layer, weights.shape[1])
        return layer

    def _check(self, layer: Layer, columns: int) -> None:
        expected = layer.kernel[0] * layer.kernel[1] * layer.in_shape[2]
        vectors = math.prod(self._model.get_tensor_shape(layer.tensor)) // layer.out_shape[2]
        if columns != expected or layer.out_shape[0] * layer.out_shape[1] != vectors:
            raise UserError(
                f"cppsim: {layer.name} multiplies {vectors} vectors of {columns}, but is given "
                f"{layer.in_shape} maps and {layer.kernel} windows"
            )

    def _give_codes(self) -> None:
        """Let the layers so far hand out -1 and +1 as numbers, for weights of more than 1 bit."""
        k = len(self._layers) - 1
        while self._layers[k].kind == "pool":
            self._layers[k] = replace(self._layers[k], kind="pool_codes")
            k -= 1
        if self._layers[k].kind == "input_bits":
            self._layers[k] = replace(self._layers[k], kind="input_codes")
        elif self._layers[k].kind in ("conv_bits", "conv_codes"):
            self._layers[k] = replace(self._layers[k], codes_out=True)

    def _pool(self, node: NodeProto, op: Any) -> Layer:
        in_shape = self._in_shape(node)
        kind: Kind = "pool_codes" if self._layers[-1].gives_codes else "pool"
        height, width = (int(v) for v in op.get_nodeattr("PoolDim"))
        size = (height, width)
        out_shape = _map_shape(op.get_normal_output_shape())
        return Layer(node.name, node.output[0], kind, in_shape, out_shape, kernel=size, stride=size)

    def _integers(self, node: NodeProto, index: int) -> NDArray[np.int64]:
        values = self._model.get_initializer(node.input[index])
        if values is None:
            raise UserError(f"cppsim: {node.name}: its constant {node.input[index]} is missing")
        return np.asarray(values).astype(np.int64)


def _filled(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _map_shape(shape: tuple[int, ...]) -> Shape:
    """Return (height, width, channels) of an NHWC or NC shape."""
    if len(shape) == 4:
        return (int(shape[1]), int(shape[2]), int(shape[3]))
    return (1, 1, int(shape[-1]))
