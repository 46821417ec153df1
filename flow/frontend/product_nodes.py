"""Convolutions and dense layers of the golden graph as nodes of the network."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from flow.errors import NetworkError
from flow.frontend.golden import GoldenModel, Layer
from flow.frontend.segment import (
    NO_MAP,
    Place,
    window_of,
)
from flow.frontend.views import View
from flow.network import (
    Conv,
    Dense,
    Depthwise,
    Node,
    SumPool,
    Window,
    stored_weights,
)


def convolution(golden: GoldenModel, layer: Layer, node: NodeProto, view: View) -> Node:
    """Return the node of a convolution that reads `view`; NetworkError where it is none."""
    place = Place("Conv", layer.source)
    weights = golden.weights(layer.index)
    if weights.ndim == 3:  # over one axis: a map of height 1
        weights = weights[:, :, None]
    outputs, channels, kernel_h, kernel_w = weights.shape
    whole, value = _whole_window(node, view, (kernel_h, kernel_w), place)
    groups = next((int(a.i) for a in node.attribute if a.name == "group"), 1)
    inputs = (view.edge,)
    if groups > 1 and channels == 1:
        if outputs != groups:
            raise place.error(
                f"it gives {outputs // groups} outputs for each of its {groups} channels; "
                "a depthwise convolution gives one"
            )
        rows = stored_weights(weights[:, 0])
        return Depthwise(layer.accumulator, inputs, rows, whole, value)
    kernels = stored_weights(weights.transpose(0, 2, 3, 1))
    return Conv(layer.accumulator, inputs, kernels, whole, value, groups)


def sum_pool(node: NodeProto, view: View, kernel: tuple[int, int]) -> SumPool:
    """Return the sums that an average divides; NetworkError where it reads no map padded with 0."""
    place = Place("average", node.output[0])
    window, value = _whole_window(node, view, kernel, place)
    if value:
        raise place.error(f"it averages what is padded with {value}; pad averages with 0")
    return SumPool(node.output[0], (view.edge,), window)


def _whole_window(
    node: NodeProto, view: View, kernel: tuple[int, int], place: Place
) -> tuple[Window, int]:
    """Return the window of a convolution on the map of an edge, and what it is padded with.

    Padding that the tensor already has and the node's own become one. NetworkError where the tensor
    is no map with padding around it, or where two values pad.
    """
    around = view.map_and_padding()
    if around is None:
        raise place.error(f"{NO_MAP} with padding around it")
    size = view.map_index.shape[1:]
    window = window_of(node, (size[0], size[1]), kernel)
    if window.padded and any(around) and view.pad_value:
        raise place.error(f"it pads with 0 what is already padded with {view.pad_value}")
    pad = tuple(a + b for a, b in zip(around, window.pad, strict=True))
    whole = Window(window.size, window.stride, (pad[0], pad[1], pad[2], pad[3]), window.dilation)
    return whole, view.pad_value if any(around) else 0


def dense(golden: GoldenModel, layer: Layer, view: View) -> Node:
    """Return the node of a dense layer, columns in the edge's order; NetworkError if some lack."""
    if view.index.ndim != 1 or not view.is_all:
        raise NetworkError(
            "its input is not all of a tensor's values", kind="MatMul", node=layer.source
        )
    rows = golden.weights(layer.index)
    sorted_rows = np.empty_like(rows)
    sorted_rows[:, view.index] = rows
    return Dense(layer.accumulator, (view.edge,), stored_weights(sorted_rows))
