"""What stands between two integer tensors of the golden graph: one function for each channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from flow.errors import NetworkError
from flow.frontend.golden.model import GOLDEN_OPSET
from flow.frontend.golden.session import plain_session
from flow.frontend.views import View
from flow.network import Edge, Shape, Window

MONOTONE = frozenset(
    {
        *("Add", "Cast", "Ceil", "Clip", "Div", "Floor"),
        *("GreaterOrEqual", "Identity", "Mul", "Relu", "Round", "Sub", "Where"),
    }
)
"""Operators that never turn around: with constants, each rises or falls over its whole range, in
float32 too, because rounding keeps the order. So does every chain of them."""


_FAR = 2**40  # beyond every accumulator
NO_MAP = "it reads a tensor that is no map"


@dataclass(frozen=True)
class Place:
    """What a refusal speaks of: a kind of node and its name in the user's file."""

    kind: str
    node: str

    def error(self, reason: str) -> NetworkError:
        """Return the error to raise."""
        return NetworkError(reason, kind=self.kind, node=self.node)


@dataclass
class Segment:
    """The nodes from one integer tensor, the root, to a quantiser's codes or to the scores.

    view: where the values of the last tensor come from, in the root's edge behind `pools`.
    nodes: the pointwise ones, in order, their constants reduced to one value or one a channel.
    pools: maxima over the map that stand among them, and the tensor that each one reads.
    """

    place: Place
    root: str
    source: Edge
    view: View
    wide: bool = False
    pools: list[tuple[Window, str]] = field(default_factory=list)
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[np.generic]] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """(H, W, C) behind the pools."""
        return self.view.shape

    def follow(
        self,
        node: NodeProto,
        constants: Mapping[str, NDArray[np.generic]],
        aliases: dict[str, str],
    ) -> None:
        """Append the next node; aliases: tensors that are others but for their order."""
        same = aliases.get(node.input[0], node.input[0])
        if node.op_type == "Reshape":
            shape = [int(v) for v in constants[node.input[1]]]
            self.view = self.view.reshaped(shape[1:])
        elif node.op_type == "Transpose":
            perm = next(a.ints for a in node.attribute if a.name == "perm")
            self.view = self.view.transposed([int(axis) - 1 for axis in perm[1:]])
        elif node.op_type in ("MaxPool", "ReduceMax"):
            self.add_pool(node, same)
            keeps = next((a.i for a in node.attribute if a.name == "keepdims"), 1)
            if not keeps:
                self.view = self.view.reshaped([self.channels])
        else:
            self.add_pointwise(node, constants, aliases)
            return
        aliases[node.output[0]] = same

    def add_pool(self, node: NodeProto, source: str) -> None:
        """Append a maximum of `source` over the map; UserError where that is no map."""
        if not self.view.is_map:
            raise self.place.error(f"{node.op_type} reads a tensor that is no map")
        height, width, channels = self.view.shape
        window = pool_window(node, (height, width))
        self.pools.append((window, source))
        shape = (*window.out_size(self.view.shape), channels)
        self.view = View.channels_first(self.view.edge, shape, self.view.index.ndim)

    @property
    def channels(self) -> int:
        """Channels of the root."""
        return self.source.shape[2]

    def add_pointwise(
        self, node: NodeProto, tensors: Mapping[str, NDArray[np.generic]], aliases: dict[str, str]
    ) -> None:
        """Append a node; UserError where it is not one monotone function for each channel."""
        if node.op_type not in MONOTONE:
            raise self.place.error(f"{node.op_type} is no monotone function of each value")
        renamed = NodeProto()
        renamed.CopyFrom(node)
        renamed.input[:] = [aliases.get(name, name) for name in node.input]
        for name in node.input:
            if name in tensors:
                self.constants[name] = self._by_channel(node, tensors[name])
        self.nodes.append(renamed)

    def _by_channel(self, node: NodeProto, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return a constant as a scalar, or as (1, channels) where it differs between them."""
        if values.size == 1:
            return values.reshape(())
        try:
            spread = np.broadcast_to(values, (1, *self.view.index.shape))[0]
        except ValueError:
            spread = None
        if spread is not None:
            channel = self.view.channel_of().reshape(-1)
            found = np.zeros(self.channels, values.dtype)
            found[channel] = spread.reshape(-1)
            if np.array_equal(found[channel], spread.reshape(-1)):
                return found.reshape(1, -1)
        raise self.place.error(
            f"{node.op_type} has a constant of shape {values.shape} that differs "
            f"inside a channel; one value for each of the {self.channels} channels at most"
        )

    def function(self, output: str, *more: str) -> ChannelFunctions:
        """Return what becomes of an integer of the root until `output`, channel by channel.

        more: further roots, where the value depends on several integers.
        """
        kind = TensorProto.DOUBLE if self.wide else TensorProto.FLOAT
        roots = [self.root, *more]
        graph = helper.make_graph(
            self.nodes or [helper.make_node("Identity", [self.root], [output])],
            "segment",
            [helper.make_tensor_value_info(r, kind, ["rows", self.channels]) for r in roots],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(v, k) for k, v in self.constants.items()],
        )
        opset = [helper.make_opsetid("", GOLDEN_OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=9)
        return ChannelFunctions(model, roots, output, self.wide)

    def values_of(self, tensors: Sequence[str], values: NDArray[np.int64]) -> list[NDArray[Any]]:
        """Return what `tensors` inside of the segment are for integers (rows, channels)."""
        return [self.function(t)(values) if t != self.root else values for t in tensors]

    def falls(self, tensor: str) -> NDArray[np.bool_]:
        """Return for each channel whether `tensor` falls as the root rises."""
        ends = np.repeat(np.array([[self.source.low], [self.source.high]]), self.channels, axis=1)
        ((first, last),) = self.values_of([tensor], ends)
        falling: NDArray[np.bool_] = last < first
        return falling


class ChannelFunctions:
    """Numbers to float32, one function a channel, computed by the golden model's own operators."""

    def __init__(self, model: onnx.ModelProto, roots: list[str], output: str, wide: bool) -> None:
        self._session = plain_session(model)
        self._roots, self._output = roots, output
        self._type = np.float64 if wide else np.float32

    def __call__(self, *values: NDArray[Any]) -> NDArray[np.float32]:
        """Evaluate numbers (rows, channels), one array for each root."""
        feeds = {
            root: each.astype(self._type) for root, each in zip(self._roots, values, strict=True)
        }
        result = self._session.run([self._output], feeds)[0]
        found: NDArray[np.float32] = np.broadcast_to(result, values[0].shape)
        return found


def window_of(node: NodeProto, size: tuple[int, int], kernel: tuple[int, int]) -> Window:
    """Return the window of a Conv or MaxPool of the golden graph on a map of `size`.

    What auto_pad and ceil_mode add to the map is written out as padding. A window over one axis,
    (N, C, L), is one of height 1.
    """
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    mode = values.get("auto_pad", b"NOTSET").decode()
    stride, dilation = (_both_axes(values.get(name), 1) for name in ("strides", "dilations"))
    given = list(values.get("pads") or [])
    half = len(given) // 2
    first, last = _both_axes(given[:half], 0), _both_axes(given[half:], 0)
    pads = [*first, *last] if mode == "NOTSET" else [0] * 4
    for axis in range(2):
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            out = -(-size[axis] // stride[axis])
            total = max((out - 1) * stride[axis] + reach - size[axis], 0)
            small, large = total // 2, total - total // 2
            upper = mode == "SAME_UPPER"
            pads[axis], pads[axis + 2] = (small, large) if upper else (large, small)
        elif values.get("ceil_mode", 0):
            room = size[axis] + pads[axis] + pads[axis + 2] - reach
            out = -(-room // stride[axis]) + 1
            if (out - 1) * stride[axis] >= size[axis] + pads[axis]:
                out -= 1  # a window that starts behind the map does not count
            pads[axis + 2] = max((out - 1) * stride[axis] + reach - size[axis] - pads[axis], 0)
    top, left, bottom, right = (int(p) for p in pads)
    return Window(
        kernel,
        (int(stride[0]), int(stride[1])),
        (top, left, bottom, right),
        (int(dilation[0]), int(dilation[1])),
    )


def _both_axes(given: Sequence[int] | None, missing: int) -> list[int]:
    """Return values for height and width of those given for one axis, two or none."""
    values = list(given or [])
    return [missing] * (2 - len(values)) + values


def pool_window(node: NodeProto, size: tuple[int, int]) -> Window:
    """Return the window of a MaxPool, or of a ReduceMax over the whole map."""
    if node.op_type != "MaxPool":
        return Window(size, size)
    kernel = next(a.ints for a in node.attribute if a.name == "kernel_shape")
    height, width = _both_axes(kernel, 1)
    return window_of(node, size, (height, width))


def refuse_sign_behind_relu(segment: Segment, function: ChannelFunctions) -> None:
    """Refuse a quantiser that gives the same code for every number, because a Relu cuts them."""
    ends = np.repeat(np.array([[-_FAR], [_FAR]]), segment.channels, axis=1)
    codes = np.unique(function(ends))
    cuts = [node.input[0] for node in segment.nodes if node.op_type in ("Relu", "Clip")]
    if len(codes) > 1 or not any(len(np.unique(v)) > 1 for v in segment.values_of(cuts, ends)):
        return  # it depends on the image, or nothing in front of it does either
    raise segment.place.error(
        f"it gives {codes[0]:g} whatever the image, in every channel, so nothing "
        "behind it depends on the image; a sign behind a Relu does that, which is how Brevitas "
        "writes a QuantReLU of 1 bit: use a BipolarQuant without Relu, or 2 bits"
    )
