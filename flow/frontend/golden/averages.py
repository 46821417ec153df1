"""Averages: exact sums of integers; the division joins what stands behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from onnx import NodeProto

from flow.frontend.golden.builder import Builder, Codes, Value
from flow.frontend.golden.constants import Array, attributes, quant_range, refuse, rounding
from flow.frontend.golden.model import EXACT_FLOAT32, ONES
from flow.frontend.golden.products import name_in_file
from flow.frontend.golden.qdq import activation_scale, zero_point

_AFFINE = ("Add", "Div", "Mul", "Sub")


def lower_average(build: Builder, node: NodeProto) -> None:
    """Emit the sum of each window's codes; real values are sum * (scale / number of pixels).

    An average of a 1x1 convolution's outputs is taken of its accumulators, in front of scale, bias
    and BatchNormalization: those are affine, and the average of an affine function is the function
    of the average.
    """
    value = build.single_input(node)
    if len(value.shape) not in (2, 3):
        refuse(node, "its input is not (N, C, H, W) or (N, C, L)")
    options = _window(build, node, value)
    count = int(np.prod(options["kernel_shape"]))
    if value.codes is not None:
        codes = value.codes
        low, high = min(codes.low, 0) * count, max(codes.high, 0) * count
        x = _emit_sum(build, node, value.tensor, max(-low, high), options)
        scale = np.float32(codes.scale / np.float32(count))
        x = _without_axes(build, node, x)
        build.set_value(node, replace(value, tensor=x, codes=Codes(scale, low, high)))
        return
    layer = build.layers[value.layer] if value.layer >= 0 else None
    chain = _affine_chain(build, value)
    if layer is None or chain is None or not _is_pointwise(build, layer.accumulator):
        refuse(
            node,
            "it averages what are no codes; put a quantiser in front of it, or let it follow a "
            "1x1 convolution",
        )
    x = _emit_sum(build, node, layer.accumulator, layer.bound * count, options)
    x = build.emit("Div", [x, build.scalar(count)])
    for each in chain:
        x = build.emit(each.op_type, [x, each.input[1]])
    build.set_value(node, replace(value, tensor=_without_axes(build, node, x)))


def _without_axes(build: Builder, node: NodeProto, tensor: str) -> str:
    """Emit the Reshape of a ReduceMean that drops height and width."""
    shape = build.shape(node, node.output[0])
    if len(shape) == 3:
        return tensor
    return build.emit("Reshape", [tensor, build.constant(np.array([-1, *shape], np.int64))])


def _emit_sum(
    build: Builder, node: NodeProto, tensor: str, bound: int, options: dict[str, Any]
) -> str:
    """Emit a convolution with ones, channel by channel, and return the sums' tensor."""
    if bound >= EXACT_FLOAT32:
        refuse(node, f"its sums reach {bound}; below {EXACT_FLOAT32} they are exact")
    channels = build.values[node.input[0]].shape[0]
    name = name_in_file(node)
    ones = np.ones((channels, 1, *options["kernel_shape"]), np.float32)
    inputs = [tensor, build.constant(ones, f"{name}{ONES}")]
    return build.emit("Conv", inputs, name, group=channels, **options)


def _window(build: Builder, node: NodeProto, value: Value) -> dict[str, Any]:
    """Return kernel, strides and pads of the average; refuses one whose divisor differs."""
    size = value.shape[1:]
    attribute = attributes(node)
    if node.op_type != "AveragePool":
        if node.op_type == "ReduceMean":
            given = build.array(node, 1)
            axes = attribute.get("axes") if given is None else given.reshape(-1).tolist()
            over = list(range(2, len(size) + 2))
            if sorted(axis % (len(size) + 2) for axis in axes or []) != over:
                refuse(node, f"it reduces axes {axes}; only all of {over} together are known")
        return {"kernel_shape": list(size), "strides": [1] * len(size), "pads": [0] * len(size) * 2}
    kernel = list(attribute["kernel_shape"])
    count = len(size)
    strides = list(attribute.get("strides") or [1] * count)
    dilations = list(attribute.get("dilations") or [1] * count)
    pads = list(attribute.get("pads") or [0] * 2 * count)
    for axis in range(count):
        reach = dilations[axis] * (kernel[axis] - 1) + 1
        if attribute.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
            out = -(-size[axis] // strides[axis])
            total = max((out - 1) * strides[axis] + reach - size[axis], 0)
            upper = attribute["auto_pad"] == "SAME_UPPER"
            pads[axis], pads[axis + count] = sorted(
                (total // 2, total - total // 2), reverse=not upper
            )
        room = size[axis] + pads[axis] + pads[axis + count] - reach
        if attribute.get("ceil_mode", 0) and room % strides[axis]:
            refuse(node, "ceil_mode=1 cuts its last windows off, and they divide by fewer pixels")
    if any(pads) and not attribute.get("count_include_pad", 0):
        refuse(node, "it divides by fewer pixels at the border; export it with count_include_pad=1")
    return {"kernel_shape": kernel, "strides": strides, "pads": pads, "dilations": dilations}


def _affine_chain(build: Builder, value: Value) -> list[NodeProto] | None:
    """Return the nodes from the layer's accumulators to `value`; None where one is not affine."""
    producers = {node.output[0]: node for node in build.nodes}
    constants = {tensor.name for tensor in build.initializers}
    tensor, found = value.tensor, list[NodeProto]()
    while value.layer >= 0 and tensor != build.layers[value.layer].accumulator:
        node = producers.get(tensor)
        if node is None or node.op_type not in _AFFINE or node.input[1] not in constants:
            return None
        found.insert(0, node)
        tensor = node.input[0]
    return found


def _is_pointwise(build: Builder, accumulator: str) -> bool:
    """Whether a layer is a convolution that sees one pixel at a time."""
    node = next(node for node in build.nodes if node.output[0] == accumulator)
    if node.op_type != "Conv":
        return False
    values = attributes(node)
    kernel, strides = values.get("kernel_shape", [0]), values.get("strides", [1])
    padded = any(values.get("pads", [])) or values.get("group", 1) != 1
    return {*kernel, *strides} == {1} and not padded


def lower_trunc(build: Builder, node: NodeProto) -> None:
    """Emit QONNX's Trunc: integers lose low bits, as an average needs that adds to many of them.

    Version 1 has five inputs and keeps its scale; version 2 has the output's scale and clips.
    """
    value = build.single_input(node)
    if value.codes is None:
        refuse(node, "it truncates what are no integers; let it follow an average of codes")
    out_scale, steps = _truncation(build, node)
    name = build.tap_name(value)
    x = build.real(value)
    ends: Array = np.array([value.codes.low, value.codes.high], np.float32) * value.codes.scale
    for k, (op, constants) in enumerate(steps):
        last = k + 1 == len(steps)
        x = build.emit(op, [x, *(build.scalar(float(c)) for c in constants)], name if last else "")
        ends = _APPLY[op](ends, *constants)
    low, high = (int(v) for v in ends)
    build.set_quantised(node, name, value, Codes(out_scale, low, high))


def _truncation(
    build: Builder, node: NodeProto
) -> tuple[np.float32, list[tuple[str, list[np.float32]]]]:
    """Return the output's scale, and the operators with their constants that give its codes."""
    scale = activation_scale(node, build.parameter(node, 1))
    zero = np.float32(zero_point(node, build.parameter(node, 2)))
    steps = [("Div", [scale])] * bool(scale != 1) + [("Add", [zero])] * bool(zero)
    if len(node.input) > 5:
        out_scale = activation_scale(node, build.parameter(node, 4))
        divisor = np.float32(2.0 ** np.round(np.log2(out_scale / scale)))
        limits = quant_range(node, build.parameter(node, 5))
        if limits.bipolar:
            refuse(node, "its output has 1 bit with a sign; only integers can be truncated")
        clip = [("Clip", [np.float32(limits.low), np.float32(limits.high)])]
        out_zero = zero / divisor
        if out_zero != np.round(out_zero):
            refuse(node, f"its zero point {zero:g} is no multiple of {divisor:g}")
    else:
        bits = [float(build.parameter(node, index).reshape(-1)[0]) for index in (3, 4)]
        out_scale, divisor, clip, out_zero = scale, np.float32(2.0 ** (bits[0] - bits[1])), [], zero
    steps += [("Round", []), ("Div", [divisor]), *clip, (rounding(node), [])]
    return out_scale, steps + [("Sub", [out_zero])] * bool(out_zero)


def _clip(values: Array, low: np.float32, high: np.float32) -> Array:
    return np.asarray(np.clip(values, low, high))


_APPLY: dict[str, Any] = {
    "Div": np.divide,
    "Add": np.add,
    "Sub": np.subtract,
    "Round": np.round,
    "Ceil": np.ceil,
    "Floor": np.floor,
    "Clip": _clip,
}
