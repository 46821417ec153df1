"""Thresholds by exhaustion: the golden model's own operators run on every reachable accumulator.

No formula is rearranged. What lies between a layer's accumulators and its quantiser (scale, bias,
BatchNormalization, the quantiser itself) is cut out of the golden graph, run in onnxruntime on each
integer and channel, and the places where the output changes are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from flow.errors import UserError
from flow.golden.model import IMAGES, GoldenModel, Layer, Tap
from flow.golden.session import plain_session

# A maximum commutes with a rising function and is reported (`pooled`); the others move no value.
_MOVES_VALUES = ("MaxPool", "ReduceMax", "Reshape")
_POINTWISE = (
    *("Add", "Ceil", "Clip", "Div", "Floor", "GreaterOrEqual"),
    *("Mul", "Relu", "Round", "Sub", "Where"),
)
_CHUNK_ELEMENTS = 2**20
_PIXEL_VALUES = 256


@dataclass(frozen=True)
class ChannelSteps:
    """The function accumulator -> code of one layer's quantiser, per output channel.

    accumulator_min, accumulator_max: no accumulator is outside, whatever the images; symmetric, so
    that a channel with negated weights stays inside too.
    accumulator_scale: float32 (C,), the real value of one integer step.
    steps: int64 (C, n), ascending. Rising channel: code = low + step * count(acc >= steps).
    Falling channel: code = low + step * count(acc <= steps). A step that is never taken lies one
    outside the range (max + 1, or min - 1 where falling), one always taken on its border.
    rising: bool (C,); True for constant channels. constant: bool (C,).
    codes: int64 (C,), the code that a constant channel gives (elsewhere the code at the minimum).
    low, step: the quantiser's lowest code and the distance between codes.
    pooled: a maximum is taken over the accumulators first. It may be moved behind the quantiser for
    rising channels; for falling ones it becomes a minimum there.
    """

    accumulator_min: int
    accumulator_max: int
    accumulator_scale: NDArray[np.float32]
    steps: NDArray[np.int64]
    rising: NDArray[np.bool_]
    constant: NDArray[np.bool_]
    codes: NDArray[np.int64]
    low: int
    step: int
    pooled: bool


def activation_steps(golden: GoldenModel) -> Iterator[ChannelSteps]:
    """Give the steps of each activation behind a layer, in order; see `channel_steps`."""
    for layer in golden.activation_layers:
        yield channel_steps(golden, layer)


def channel_steps(golden: GoldenModel, layer: int) -> ChannelSteps:
    """Tabulate the quantiser behind `layer` over every integer in +-bound and reduce it to steps.

    UserError if the layer has no quantiser or several, if something between them is not one
    function per channel, or if a channel is not monotone.
    """
    found = golden.layer(layer)
    if len(found.taps) != 1:
        count = "no quantiser (it gives the scores)" if not found.taps else "several quantisers"
        raise UserError(
            f"golden: layer {layer} ({found.source}) has {count} behind it; steps need exactly one"
        )
    tap = golden.tap(found.taps[0])
    channels, levels = found.shape[0], (tap.high - tap.low) // tap.step
    below = np.zeros((channels, levels), np.int64)  # accumulators whose level is < k + 1
    rises, falls = np.zeros(channels, bool), np.zeros(channels, bool)
    last: NDArray[np.int32] | None = None
    first = np.zeros(channels, np.int32)
    for level in _levels(golden, found, tap):
        first = level[0] if last is None else first
        both = level if last is None else np.concatenate([last[None], level])
        rises |= (both[1:] > both[:-1]).any(axis=0)
        falls |= (both[1:] < both[:-1]).any(axis=0)
        below += _count_below(level, levels)
        last = level[-1]
    _refuse_non_monotone(found, tap, rises & falls)
    minimum, maximum = -found.bound, found.bound
    steps = np.where(falls[:, None], (maximum - below)[:, ::-1], minimum + below)
    return ChannelSteps(
        accumulator_min=minimum,
        accumulator_max=maximum,
        accumulator_scale=np.broadcast_to(np.array(found.scale, np.float32), (channels,)),
        steps=np.ascontiguousarray(steps),
        rising=~falls,
        constant=~(rises | falls),
        codes=tap.low + tap.step * first.astype(np.int64),
        low=tap.low,
        step=tap.step,
        pooled=found.pooled,
    )


def input_table(golden: GoldenModel) -> NDArray[np.int64]:
    """Return the input quantiser's code for each pixel value, int64 (256,).

    UserError if the code also depends on the channel or the position.
    """
    tap = golden.input_tap()
    nodes = _between(golden, IMAGES, tap.name)
    used = {name for node in nodes for name in node.input}
    constants = [t for t in golden.onnx_model.graph.initializer if t.name in used]
    images = helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, None)
    output = helper.make_tensor_value_info(tap.name, TensorProto.FLOAT, None)
    session = plain_session(_model(golden, nodes, images, output, constants))
    height, width, channels = golden.image_shape
    values = np.arange(_PIXEL_VALUES, dtype=np.uint8)[:, None, None, None]
    pixels = np.ascontiguousarray(np.broadcast_to(values, (_PIXEL_VALUES, height, width, channels)))
    codes = session.run([tap.name], {IMAGES: pixels})[0].reshape(_PIXEL_VALUES, -1)
    differs = np.flatnonzero((codes != codes[:, :1]).any(axis=1))
    if differs.size:
        raise UserError(
            f"golden: the input quantiser ({tap.source}) gives different codes for one pixel value "
            f"({differs[0]}) in different channels or positions; normalise all channels alike"
        )
    table: NDArray[np.int64] = codes[:, 0].astype(np.int64)
    return table


def is_affine(table: NDArray[np.int64]) -> tuple[int, int] | None:
    """Return (slope, offset) with table[p] == slope * p + offset for every p, or None."""
    slope, offset = int(table[1] - table[0]), int(table[0])
    exact = np.array_equal(table, slope * np.arange(len(table)) + offset)
    return (slope, offset) if exact else None


def _levels(golden: GoldenModel, layer: Layer, tap: Tap) -> Iterator[NDArray[np.int32]]:
    """Yield (rows, C) levels, 0 at the lowest code, for ascending accumulators."""
    channels = layer.shape[0]
    session = plain_session(_per_channel_model(golden, layer, tap))
    rows = max(1, _CHUNK_ELEMENTS // channels)
    for start in range(-layer.bound, layer.bound + 1, rows):
        stop = min(start + rows, layer.bound + 1)
        column = np.arange(start, stop, dtype=np.float32)[:, None]
        values = np.ascontiguousarray(np.broadcast_to(column, (stop - start, channels)))
        codes = session.run([tap.name], {layer.accumulator: values})[0]
        codes = np.broadcast_to(codes, values.shape)
        yield ((codes - tap.low) / tap.step).astype(np.int32)


def _count_below(level: NDArray[np.int32], levels: int) -> NDArray[np.int64]:
    """Return int64 (C, levels): how many rows have a level of k or less, for k = 0..levels - 1."""
    channels = level.shape[1]
    if levels == 1:
        zeros: NDArray[np.int64] = (level < 1).sum(axis=0, dtype=np.int64)[:, None]
        return zeros
    slots = level + np.arange(channels, dtype=np.int32) * (levels + 1)
    histogram = np.bincount(slots.reshape(-1), minlength=channels * (levels + 1))
    return histogram.reshape(channels, levels + 1)[:, :levels].cumsum(axis=1)


def _refuse_non_monotone(layer: Layer, tap: Tap, both: NDArray[np.bool_]) -> None:
    channels = np.flatnonzero(both)
    if channels.size:
        raise UserError(
            f"golden: layer {layer.index} ({layer.source}), channel {channels[0]}: {tap.source} "
            f"both rises and falls with the accumulator ({channels.size} channels); a threshold "
            "needs a monotone function"
        )


def _between(golden: GoldenModel, start: str, stop: str) -> list[NodeProto]:
    """Return the nodes from tensor `start` to tensor `stop`, in graph order."""
    wanted, nodes = {stop}, []
    for node in reversed(golden.onnx_model.graph.node):
        if node.output[0] in wanted and node.output[0] != start:
            nodes.append(node)
            wanted.update(node.input)
    return nodes[::-1]


def _per_channel_model(golden: GoldenModel, layer: Layer, tap: Tap) -> onnx.ModelProto:
    """Cut out accumulator -> codes as a graph on (rows, C): no pixels, no pooling."""
    channels = layer.shape[0]
    constants = {
        t.name: np.asarray(numpy_helper.to_array(t)) for t in golden.onnx_model.graph.initializer
    }
    where = f"golden: layer {layer.index} ({layer.source}), in front of {tap.source}:"
    if tap.shape[0] != channels:
        raise UserError(
            f"{where} {channels} channels become {tap.shape[0]} features; put the quantiser before "
            "the flatten"
        )
    alias: dict[str, str] = {}
    nodes: list[NodeProto] = []
    initializers: dict[str, TensorProto] = {}
    for node in _between(golden, layer.accumulator, tap.name):
        if node.op_type in _MOVES_VALUES:
            alias[node.output[0]] = alias.get(node.input[0], node.input[0])
            continue
        if node.op_type not in _POINTWISE:
            raise UserError(f"{where} {node.op_type} is not one function per channel")
        for name in node.input:
            if name in constants:
                flat = _channel_constant(constants[name], channels, where, node)
                initializers[name] = numpy_helper.from_array(flat, name)
        renamed = NodeProto()
        renamed.CopyFrom(node)
        renamed.input[:] = [alias.get(name, name) for name in node.input]
        nodes.append(renamed)
    source = helper.make_tensor_value_info(layer.accumulator, TensorProto.FLOAT, None)
    output = helper.make_tensor_value_info(tap.name, TensorProto.FLOAT, None)
    return _model(golden, nodes, source, output, list(initializers.values()))


def _channel_constant(
    values: NDArray[np.float32], channels: int, where: str, node: NodeProto
) -> NDArray[np.float32]:
    """Reshape a scalar or (1, C, 1, 1) constant to broadcast over (rows, C)."""
    if values.size == 1:
        return values.reshape(())
    if values.size != channels or values.shape[1] != channels:
        raise UserError(
            f"{where} {node.op_type} has a constant of shape {values.shape}; one value per channel "
            f"at most, (1, {channels}, 1, 1)"
        )
    return values.reshape(1, channels)


def _model(
    golden: GoldenModel,
    nodes: list[NodeProto],
    source: onnx.ValueInfoProto,
    output: onnx.ValueInfoProto,
    initializers: list[TensorProto],
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "part", [source], [output], initializers)
    return helper.make_model(
        graph,
        opset_imports=list(golden.onnx_model.opset_import),
        ir_version=golden.onnx_model.ir_version,
    )
