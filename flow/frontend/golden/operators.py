"""One function per source operator: what it becomes in the plain graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from onnx import NodeProto, TensorProto

from flow.frontend.golden.averages import lower_average, lower_trunc
from flow.frontend.golden.builder import Builder, Codes
from flow.frontend.golden.constants import attributes, quant_range, refuse, rounding
from flow.frontend.golden.products import by_channel, lower_product, name_in_file
from flow.frontend.golden.qdq import (
    activation_scale,
    clip_integers,
    lower_dequantize_linear,
    lower_quantize_linear,
    zero_point,
)

Handler = Callable[[Builder, NodeProto], None]
MOST_ACTIVATION_BITS = 16


def lower_quantiser(build: Builder, node: NodeProto) -> None:
    """Emit integer codes and record them as a tap; `codes * scale` is the source's output."""
    value = build.single_input(node)
    scale = activation_scale(node, build.parameter(node, 1))
    bipolar_node = node.op_type == "BipolarQuant"
    zero = 0 if bipolar_node else zero_point(node, build.parameter(node, 2))
    bits = None if bipolar_node else build.parameter(node, 3)
    limits = quant_range(node, bits, MOST_ACTIVATION_BITS)
    name = build.tap_name(value)
    x = build.real(value)
    if not bipolar_node:
        x = build.emit("Div", [x, build.scalar(float(scale))]) if scale != 1 else x
        x = build.emit("Add", [x, build.scalar(zero)]) if zero else x
    if limits.bipolar:
        positive = build.emit("GreaterOrEqual", [x, build.scalar(0)])
        high, low = 1 - zero, -1 - zero
        build.emit("Where", [positive, build.scalar(high), build.scalar(low)], name)
    else:
        low, high = limits.low - zero, limits.high - zero
        x = build.emit("Clip", [x, build.scalar(limits.low), build.scalar(limits.high)])
        x = build.emit(rounding(node), [x], None if zero else name)
        if zero:
            build.emit("Sub", [x, build.scalar(zero)], name)
    step = 2 if limits.bipolar else 1
    build.set_quantised(node, name, value, Codes(scale, low, high), step)


def lower_batch_norm(build: Builder, node: NodeProto) -> None:
    """Emit x * a + b, with a and b from onnxruntime's own float32 formula.

    As two operators each rounds once, on every machine and in every position; inside the fused
    operator a compiler may contract them to one rounding.
    """
    if attributes(node).get("training_mode", 0):
        refuse(node, "training_mode=1; export the model in evaluation mode")
    value = build.single_input(node)
    scale, bias, mean, variance = (build.parameter(node, i).astype(np.float32) for i in range(1, 5))
    epsilon = np.float32(attributes(node).get("epsilon", 1e-5))
    a = (np.float32(1) / np.sqrt(variance + epsilon)) * scale
    b = bias - mean * a
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
        refuse(node, "its parameters give NaN or infinity")
    rank = len(value.shape)
    x = build.emit("Mul", [build.real(value), build.constant(by_channel(a, rank))])
    x = build.emit("Add", [x, build.constant(by_channel(b, rank))])
    build.set_value(node, replace(value, tensor=x, codes=None))


def lower_arithmetic(build: Builder, node: NodeProto) -> None:
    """Emit Add, Sub, Mul or Div of a tensor and a constant."""
    dynamic = [i for i, name in enumerate(node.input) if name in build.values]
    if len(dynamic) == 2:
        _lower_sum(build, node)
        return
    if not dynamic:
        refuse(node, "neither of its operands depends on the images")
    side = dynamic[0]
    value = build.values[node.input[side]]
    constant = build.parameter(node, 1 - side).astype(np.float32)
    if not np.all(np.isfinite(constant)):
        refuse(node, "its constant contains NaN or infinity")
    if build.shape(node, node.output[0]) != value.shape:
        refuse(node, f"its constant of shape {constant.shape} changes the tensor's shape")
    if constant.ndim == len(value.shape) + 1 and constant.shape[0] != 1:
        refuse(node, "its constant differs between the images of a batch")
    if side == 1 and node.op_type == "Div":
        refuse(node, "a constant divided by a tensor is not supported")
    factor = constant.reshape(-1)[0] if constant.size == 1 else np.float32(0)
    if value.codes is not None and node.op_type in ("Mul", "Div") and factor > 0:
        old = value.codes.scale
        scale = old * factor if node.op_type == "Mul" else old / factor
        build.set_value(node, replace(value, codes=replace(value.codes, scale=scale)))
        return
    if constant.size > 1:
        constant = constant.reshape((1,) * (len(value.shape) + 1 - constant.ndim) + constant.shape)
    operands = [build.real(value), build.constant(constant)]
    x = build.emit(node.op_type, operands if side == 0 else operands[::-1])
    build.set_value(node, replace(value, tensor=x, codes=None))


def _lower_sum(build: Builder, node: NodeProto) -> None:
    """Emit the sum of two branches.

    Of equal scales the codes are added and the scale is applied once, as a product does it: sums of
    two rounded numbers would depend on more than the sum of their codes.
    """
    a, b = (build.values[name] for name in node.input)
    if node.op_type != "Add":
        refuse(node, "both of its operands depend on the images; of branches, only sums are known")
    if a.shape != b.shape:
        refuse(node, f"it adds branches of shapes {a.shape} and {b.shape}")
    newer = a if a.layer >= b.layer else b
    if a.codes is not None and b.codes is not None and a.codes.scale == b.codes.scale:
        x = build.emit("Add", [a.tensor, b.tensor], name_in_file(node))
        codes = Codes(a.codes.scale, a.codes.low + b.codes.low, a.codes.high + b.codes.high)
        build.set_value(node, replace(newer, tensor=x, codes=codes))
        return
    x = build.emit("Add", [build.real(a), build.real(b)])
    build.set_value(node, replace(newer, tensor=x, codes=None))


def lower_concat(build: Builder, node: NodeProto) -> None:
    """Emit the channels of several branches side by side; codes where all have the same scale."""
    values = [build.value(node, name) for name in node.input]
    axis = int(attributes(node).get("axis", 1))
    rank = len(values[0].shape) + 1
    if axis % rank != 1:
        refuse(node, f"it joins axis {axis}; only channels, axis 1, can be joined")
    newest = max(values, key=lambda value: value.layer)
    codes = [value.codes for value in values if value.codes is not None]
    shared = len(codes) == len(values) and len({each.scale for each in codes}) == 1
    tensors = [value.tensor if shared else build.real(value) for value in values]
    x = build.emit("Concat", tensors, name_in_file(node), axis=1)
    joined = None
    if shared:
        ends = min(each.low for each in codes), max(each.high for each in codes)
        joined = Codes(codes[0].scale, *ends)
    build.set_value(node, replace(newest, tensor=x, codes=joined))


def lower_clip(build: Builder, node: NodeProto) -> None:
    """Emit Clip for Clip and HardTanh, Relu for Relu, on real values."""
    value = build.single_input(node)
    if value.codes is not None and value.zero is not None:
        clip_integers(build, node, value, value.codes, value.zero)
        return
    x = build.real(value)
    if node.op_type == "Relu":
        x = build.emit("Relu", [x])
    else:
        attribute = attributes(node)
        default = (-1.0, 1.0) if node.op_type.lower() == "hardtanh" else (None, None)
        bounds = []
        for index, key in enumerate(("min", "max")):
            array = build.array(node, index + 1)
            given = attribute.get(f"{key}_val", attribute.get(key, default[index]))
            bound = given if array is None else float(array.reshape(-1)[0])
            bounds.append("" if bound is None else build.scalar(bound))
        x = build.emit("Clip", [x, *bounds])
    build.set_value(node, replace(value, tensor=x, codes=None))


def lower_max(build: Builder, node: NodeProto) -> None:
    """Emit a maximum over pixels; it works on codes as on real values, their scale is positive."""
    value = build.single_input(node)
    rank = len(value.shape) + 1
    if rank not in (3, 4):
        refuse(node, "its input is not (N, C, H, W) or (N, C, L)")
    over = list(range(2, rank))
    attribute = attributes(node)
    if node.op_type == "MaxPool":
        keep = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")
        options = {k: attribute[k] for k in keep if k in attribute}
        x = build.emit("MaxPool", [value.tensor], name_in_file(node), **options)
    else:
        axes = attribute.get("axes") if node.op_type == "ReduceMax" else over
        given = build.array(node, 1)
        axes = given.reshape(-1).tolist() if given is not None else axes
        if sorted(a % rank for a in axes or []) != over:
            refuse(node, f"it reduces axes {axes}; only all of {over} together are supported")
        keepdims = attribute.get("keepdims", 1) if node.op_type == "ReduceMax" else 1
        axes_name = build.constant(np.array(over, np.int64))
        tensors = [value.tensor, axes_name]
        x = build.emit("ReduceMax", tensors, name_in_file(node), keepdims=keepdims)
    build.set_value(node, replace(value, tensor=x))


def lower_reshape(build: Builder, node: NodeProto) -> None:
    """Emit a Reshape to the source's static shape with the batch left open."""
    value = build.single_input(node)
    shape = build.shape(node, node.output[0])
    if int(np.prod(shape)) != int(np.prod(value.shape)):
        refuse(node, f"it mixes the batch with the other dimensions ({value.shape} to {shape})")
    x = value.tensor
    if shape != value.shape:
        x = build.emit("Reshape", [x, build.constant(np.array([-1, *shape], np.int64))])
    build.set_value(node, replace(value, tensor=x))


def lower_transpose(build: Builder, node: NodeProto) -> None:
    """Emit a Transpose that leaves the batch in front."""
    value = build.single_input(node)
    rank = len(value.shape) + 1
    permutation = list(attributes(node).get("perm", range(rank)[::-1]))
    if permutation[0] != 0:
        refuse(node, f"perm={permutation} moves the batch dimension")
    x = build.emit("Transpose", [value.tensor], perm=permutation)
    build.set_value(node, replace(value, tensor=x))


def lower_pad(build: Builder, node: NodeProto) -> None:
    """Emit a constant Pad; codes are padded with the code of the pad value."""
    value = build.single_input(node)
    attribute = attributes(node)
    if attribute.get("mode", "constant") != "constant":
        refuse(node, f"mode {attribute['mode']!r}; only 'constant' is supported")
    given = build.array(node, 1)
    pads = [int(p) for p in (attribute.get("pads", []) if given is None else given.reshape(-1))]
    rank = len(value.shape) + 1
    axes = build.array(node, 3)
    if axes is not None:
        full = [0] * (2 * rank)
        for i, axis in enumerate(axes.reshape(-1).tolist()):
            full[axis % rank], full[rank + axis % rank] = pads[i], pads[len(pads) // 2 + i]
        pads = full
    if len(pads) != 2 * rank or min(pads) < 0 or pads[0] or pads[rank]:
        refuse(node, f"pads={pads}; they must be non-negative and leave the batch alone")
    level = build.array(node, 2)
    pad_value = np.float32(attribute.get("value", 0.0) if level is None else level.reshape(-1)[0])
    codes, x = value.codes, value.tensor
    if codes is not None:
        code = int(np.round(pad_value / codes.scale))
        if np.float32(code) * codes.scale != pad_value:
            refuse(
                node, f"pad value {pad_value} is no multiple of the tensor's scale {codes.scale}"
            )
        pad_value = np.float32(code)
        codes = replace(codes, low=min(codes.low, code), high=max(codes.high, code))
    operands = [x, build.constant(np.array(pads, np.int64)), build.scalar(float(pad_value))]
    build.set_value(node, replace(value, tensor=build.emit("Pad", operands), codes=codes))


def lower_identity(build: Builder, node: NodeProto) -> None:
    """Drop the node: Identity, and Dropout outside training."""
    build.set_value(node, build.single_input(node))


def lower_cast(build: Builder, node: NodeProto) -> None:
    """Drop a Cast of integers to float32: the golden model computes in it anyway."""
    if attributes(node).get("to") != TensorProto.FLOAT:
        refuse(node, "it casts to another type than float32; leave it out of the export")
    lower_identity(build, node)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("BipolarQuant", "Quant", "IntQuant"), lower_quantiser),
    "QuantizeLinear": lower_quantize_linear,
    "DequantizeLinear": lower_dequantize_linear,
    **dict.fromkeys(("Conv", "MatMul", "Gemm"), lower_product),
    "BatchNormalization": lower_batch_norm,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), lower_arithmetic),
    "Concat": lower_concat,
    **dict.fromkeys(("AveragePool", "GlobalAveragePool", "ReduceMean"), lower_average),
    "Trunc": lower_trunc,
    **dict.fromkeys(("Clip", "HardTanh", "Hardtanh", "Relu"), lower_clip),
    **dict.fromkeys(("MaxPool", "GlobalMaxPool", "ReduceMax"), lower_max),
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), lower_reshape),
    "Transpose": lower_transpose,
    "Pad": lower_pad,
    "Cast": lower_cast,
    **dict.fromkeys(("Identity", "Dropout"), lower_identity),
}
