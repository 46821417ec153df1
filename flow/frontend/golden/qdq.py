"""QuantizeLinear and DequantizeLinear: a quantiser in two nodes, with a Clip between for few bits.

QuantizeLinear gives integers q = clip(round(x / scale) + zero point), round half to even, clipped
to its type; Clip narrows the range; DequantizeLinear gives (q - zero point) * scale. In the plain
graph the zero point never appears: codes count from it, and the clips become one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import NodeProto, TensorProto, helper

from flow.frontend.golden.builder import Builder, Codes, Value
from flow.frontend.golden.constants import STANDARD, Array, attributes, refuse

BETWEEN = ("Clip", "DequantizeLinear", "Identity")
"""What may read the integers that QuantizeLinear gives."""

_ACTIVATION_TYPES = ("int8", "uint8", "int16", "uint16")


def lower_quantize_linear(build: Builder, node: NodeProto) -> None:
    """Emit the rounded x / scale; it is clipped once, where DequantizeLinear makes codes of it."""
    _refuse_other_domain(node)
    value = build.single_input(node)
    scale = _scale(node, build.parameter(node, 1))
    given = build.array(node, 2)
    default = attributes(node).get("output_dtype", 0) or TensorProto.UINT8
    dtype = helper.tensor_dtype_to_np_dtype(default) if given is None else given.dtype
    if dtype.name not in _ACTIVATION_TYPES:
        refuse(node, f"it gives {dtype.name}; allowed are {', '.join(_ACTIVATION_TYPES)}")
    zero = 0 if given is None else zero_point(node, given)
    x = build.real(value)
    x = build.emit("Div", [x, build.scalar(float(scale))]) if scale != 1 else x
    limits = np.iinfo(dtype)
    codes = Codes(np.float32(1), int(limits.min) - zero, int(limits.max) - zero)
    x = build.emit("Round", [x])
    build.set_value(node, replace(value, tensor=x, codes=codes, zero=zero))


def clip_integers(build: Builder, node: NodeProto, value: Value, codes: Codes, zero: int) -> None:
    """Narrow the range of the integers between QuantizeLinear and DequantizeLinear.

    codes, zero: those of `value`.
    """
    least, most = (build.array(node, index) for index in (1, 2))
    low = codes.low if least is None else max(codes.low, int(least.reshape(-1)[0]) - zero)
    high = codes.high if most is None else min(codes.high, int(most.reshape(-1)[0]) - zero)
    if low >= high:
        refuse(node, "it leaves one code at most, so nothing behind it depends on the image")
    build.set_value(node, replace(value, codes=replace(codes, low=low, high=high)))


def lower_dequantize_linear(build: Builder, node: NodeProto) -> None:
    """Emit integer codes q - zero point and record them as a tap."""
    _refuse_other_domain(node)
    value = build.single_input(node)
    codes = value.codes
    if codes is None or (value.zero is None and codes.scale != 1):
        refuse(node, "its input holds no integers; put a QuantizeLinear in front of it")
    scale = _scale(node, build.parameter(node, 1))
    given = build.array(node, 2)
    zero = 0 if given is None else zero_point(node, given)
    shift = zero - (value.zero or 0)
    name, key = build.tap_name(value), (node.input[0], scale, zero)
    if key in build.dequantised:  # some exporters write one for each reader
        build.emit("Identity", [build.dequantised[key]], name)
    else:
        bounds = [build.scalar(codes.low), build.scalar(codes.high)]
        x = build.emit("Clip", [value.tensor, *bounds], None if shift else name)
        if shift:
            build.emit("Sub", [x, build.scalar(shift)], name)
        build.dequantised[key] = name
    codes = Codes(scale, codes.low - shift, codes.high - shift)
    build.set_quantised(node, name, value, codes)


def _refuse_other_domain(node: NodeProto) -> None:
    if node.domain not in STANDARD:
        refuse(node, f"it is of the domain {node.domain}; export it with ONNX's own operators")


def _scale(node: NodeProto, scale: Array) -> np.float32:
    if scale.dtype != np.float32:
        refuse(node, f"its scale is {scale.dtype}; export the model with float32 values")
    return activation_scale(node, scale)


def activation_scale(node: NodeProto, scale: Array) -> np.float32:
    """Return the one scale of an activation quantiser; refuses any other."""
    values = scale.astype(np.float32).reshape(-1)
    if values.size == 0 or np.any(values != values[0]):
        refuse(node, "its scale differs between channels; an activation needs one scale")
    if not values[0] > 0:
        refuse(node, f"its scale is {values[0]}; it must be positive")
    return np.float32(values[0])


def zero_point(node: NodeProto, zero: Array) -> int:
    """Return the one zero point of an activation quantiser; refuses any other."""
    values = zero.astype(np.float64).reshape(-1)
    if np.any(values != values[0]) or values[0] != np.round(values[0]):
        refuse(node, "its zero point must be one integer")
    return int(values[0])
