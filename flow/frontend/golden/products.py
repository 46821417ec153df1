"""Products of the golden model: convolutions and dense layers on integer codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto

from flow.frontend.golden.builder import Builder, Codes, Value, per_channel
from flow.frontend.golden.constants import Array, attributes, refuse
from flow.frontend.golden.model import EXACT_FLOAT32, MOST_ACCUMULATOR, Layer


def codes_of(node: NodeProto, value: Value) -> Codes:
    """Return the codes that `node` reads; refuses where they are no integers."""
    if value.codes is None:
        refuse(
            node,
            "float layer: its input is not quantised; put a quantiser (QuantIdentity or a "
            "quantised activation) directly in front of it",
        )
    return value.codes


def lower_product(build: Builder, node: NodeProto) -> None:
    """Emit a Conv or MatMul on integers, then its scale and its bias.

    Sums of integers below 2**24 are exact in float32 whatever their order, so the accumulators do
    not depend on how onnxruntime blocks the product. Where they reach further, the weights are
    split into parts whose sums are exact, and the parts are added in float64; what follows reads
    the accumulators rounded once to float32.
    """
    value = build.single_input(node)
    codes = codes_of(node, value)
    attribute = attributes(node)
    if node.input[1] in build.values:
        refuse(node, "both of its operands depend on the images; one must be weights")
    weights = build.constants.get(node.input[1])
    if weights is None or weights.codes is None or weights.scale is None:
        refuse(
            node,
            f"float layer: its weights '{node.input[1]}' are not quantised; train it with a weight "
            "quantiser (BipolarQuant or Quant)",
        )
    matrix, spread, factor = weights.codes, weights.scale, np.float32(1)
    conv = node.op_type == "Conv"
    if len(value.shape) not in ((2, 3) if conv else (1,)):
        wanted = "(N, C, H, W) or (N, C, L)" if conv else "(N, features)"
        refuse(node, f"its input has shape (N, {', '.join(map(str, value.shape))}), not {wanted}")
    if node.op_type == "Gemm":
        if attribute.get("transA", 0):
            refuse(node, "transA=1 is not supported")
        if attribute.get("transB", 0):
            matrix, spread = matrix.T, spread.T
        factor = np.float32(attribute.get("alpha", 1.0))
    out_axis = 0 if conv else 1
    peak = np.abs(np.moveaxis(matrix, out_axis, 0).reshape(matrix.shape[out_axis], -1)).sum(axis=1)
    bound = int(peak.max()) * max(abs(codes.low), abs(codes.high))
    if bound >= MOST_ACCUMULATOR:
        refuse(node, f"its accumulators reach {bound}; below {MOST_ACCUMULATOR} they have 32 bits")
    index = len(build.layers)
    accumulator, weight_name = f"layer{index}.accumulator", f"layer{index}.weights"
    keep = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
    options: dict[str, Any] = {k: attribute[k] for k in keep if k in attribute} if conv else {}
    op = "Conv" if conv else "MatMul"
    result = accumulator
    if bound < EXACT_FLOAT32:
        build.constant(matrix, weight_name)
        build.emit(op, [value.tensor, weight_name], accumulator, **options)
    else:
        terms, most = matrix.size // matrix.shape[out_axis], max(abs(codes.low), abs(codes.high))
        parts = exact_parts(matrix, terms, most)
        if not parts:
            refuse(
                node,
                f"it adds {terms} inputs of up to {most}; float32 is exact below {EXACT_FLOAT32}",
            )
        sums = []
        for k, part in enumerate(parts):
            build.constant(part, f"{weight_name}.{k}")
            product = build.emit(op, [value.tensor, f"{weight_name}.{k}"], **options)
            sums.append(build.emit("Cast", [product], to=TensorProto.DOUBLE))
        for k in range(1, len(sums)):
            last = k + 1 == len(sums)
            sums[k] = build.emit("Add", [sums[k - 1], sums[k]], accumulator if last else None)
        result = build.emit("Cast", [accumulator], to=TensorProto.FLOAT)
    shape = build.shape(node, node.output[0])
    scale = per_channel(node, spread, out_axis) * (codes.scale * factor)
    shared = bool(np.all(scale == scale[0]))
    scale = scale[:1] if shared else scale
    if np.any(scale != 1):
        result = build.emit("Mul", [result, build.constant(by_channel(scale, len(shape)))])
    bias = build.array(node, 2)
    if bias is not None and np.any(bias != 0):
        bias = bias.astype(np.float32) * np.float32(attribute.get("beta", 1.0))
        result = build.emit("Add", [result, build.constant(by_channel(bias, len(shape)))])
    build.layers.append(
        Layer(
            index=index,
            kind="conv" if conv else "fc",
            source=name_in_file(node),
            accumulator=accumulator,
            weights=weight_name,
            scale=tuple(float(s) for s in scale),
            taps=(),
            bound=bound,
            shape=shape,
        )
    )
    build.set_value(node, Value(result, shape, index))


def exact_parts(matrix: Array, terms: int, most: int) -> list[NDArray[np.float32]]:
    """Split integer weights into parts that add up to them, each with sums exact in float32.

    terms: products in a sum. most: the largest magnitude of an input. Parts are digits times powers
    of two, so that scaling costs no bit of a float. Empty where not even single bits are exact.
    """
    for bits in range(8, 0, -1):
        parts, left, place = [], matrix.astype(np.int64), 0
        while np.any(left):
            digit = left - (left >> bits << bits)
            if np.all((left == -1) | (left == 0)) and place:
                digit = left  # the sign is the last digit
            parts.append((digit << place).astype(np.float32))
            left, place = (left - digit) >> bits, place + bits
        if terms * ((1 << bits) - 1) * most < EXACT_FLOAT32:
            return parts
    return []


def by_channel(values: Array, rank: int) -> NDArray[np.float32]:
    """Reshape (C,) or (1,) to broadcast along axis 1 of a tensor with `rank` axes and the batch."""
    return values.astype(np.float32).reshape((1, -1) + (1,) * (rank - 1))


def name_in_file(node: NodeProto) -> str:
    """Return the name under which messages show what becomes of a node."""
    return node.name or str(node.output[0])
