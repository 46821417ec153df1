"""Constants of a file: quantised weights in NumPy, everything else folded by onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from flow.errors import GoldenError

Array = NDArray[Any]
QUANTISERS = ("BipolarQuant", "Quant", "IntQuant")
STANDARD = ("", "ai.onnx")
_KEEPS_SHAPE = (*QUANTISERS, "Trunc")
STORED_TYPES = ("int8", "uint8", "int16", "uint16", "int32")
_LARGE = 4096  # elements; a larger tensor is never a shape and need not travel to shape inference
_KEEPS_ELEMENTS = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
_MAX_PASSES = 8


@dataclass(frozen=True)
class Constant:
    """A tensor known before the run; a quantised one also as values = codes * scale.

    codes: integer-valued float32; scale: float32, both of the shape of `values`.
    """

    values: Array
    codes: NDArray[np.float32] | None = None
    scale: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class QuantRange:
    """What a quantiser can give, in the terms of the QONNX operator.

    low, high: codes before the zero point is taken off. bipolar: the output is -1 or +1.
    """

    bipolar: bool
    low: int
    high: int


def refuse(node: NodeProto, reason: str) -> NoReturn:
    """Raise the UserError that names the node and its operator."""
    name = node.name or (node.output[0] if node.output else "?")
    raise GoldenError(reason, kind=node.op_type, node=name)


def attributes(node: NodeProto) -> dict[str, Any]:
    """Return the node's attributes as Python values, strings decoded."""
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}


def quant_range(node: NodeProto, bit_width: Array | None, most: int = 32) -> QuantRange:
    """Return the code range of a Quant or BipolarQuant node; `bit_width` is its fourth input.

    most: the greatest bit width that is not refused; biases have up to 32.
    """
    if node.op_type == "BipolarQuant":
        return QuantRange(True, -1, 1)
    attribute = attributes(node)
    if bit_width is None or bit_width.size != 1 or float(bit_width) != int(bit_width):
        refuse(node, "its bit width must be one constant integer")
    bits = int(bit_width)
    if not 1 <= bits <= most:
        refuse(node, f"bit width {bits}; allowed are 1 to {most}")
    signed, narrow = bool(attribute.get("signed", 1)), bool(attribute.get("narrow", 1))
    if signed and bits == 1:
        return QuantRange(True, -1, 1)
    if signed:
        return QuantRange(False, -(2 ** (bits - 1)) + int(narrow), 2 ** (bits - 1) - 1)
    return QuantRange(False, 0, 2**bits - 1 - int(narrow))


def rounding(node: NodeProto) -> str:
    """Return the plain ONNX operator that rounds as the Quant node asks."""
    mode = str(attributes(node).get("rounding_mode", "ROUND")).upper()
    known = {"ROUND": "Round", "HALF_EVEN": "Round", "CEIL": "Ceil", "FLOOR": "Floor"}
    if mode not in known:
        refuse(node, f"rounding_mode {mode!r}; allowed are {', '.join(known)}")
    return known[mode]


def quantise_weights(node: NodeProto, inputs: Sequence[Array]) -> Constant:
    """Quantise a constant as the QONNX operator does, in float32."""
    values = inputs[0].astype(np.float32)
    scale = np.broadcast_to(inputs[1].astype(np.float32), values.shape)
    if not np.all(np.isfinite(values)):
        refuse(node, "its weights contain NaN or infinity")
    if np.any(scale == 0):
        refuse(node, "its scale is 0")
    limits = quant_range(node, inputs[3] if len(inputs) > 3 else None)
    if node.op_type == "BipolarQuant":
        codes = np.where(values >= 0, np.float32(1), np.float32(-1))
        return Constant(codes * scale, codes, scale)
    zero = inputs[2].astype(np.float32)
    if np.any(zero != np.round(zero)):
        refuse(node, "its zero point is not an integer")
    scaled = values / scale + zero
    if limits.bipolar:
        codes = np.where(scaled >= 0, np.float32(1), np.float32(-1))
    else:
        clipped = np.clip(scaled, np.float32(limits.low), np.float32(limits.high))
        codes = _round(clipped, rounding(node))
    codes = (codes - zero).astype(np.float32)
    return Constant(codes * scale, codes, scale)


def dequantise_weights(node: NodeProto, inputs: Sequence[Array]) -> Constant:
    """Return what a DequantizeLinear makes of stored integers q: (q - zero point) * scale.

    inputs: the integers, the scale (one, or one for each slice along `axis`), the zero point if
    there is one. Refused: float8 and 4-bit storage, scales that are 0 or stand for blocks.
    """
    stored, scale = inputs[0], inputs[1].astype(np.float32)
    if stored.dtype.name not in STORED_TYPES:
        refuse(
            node, f"its input is stored as {stored.dtype}; allowed are {', '.join(STORED_TYPES)}"
        )
    attribute = attributes(node)
    if attribute.get("block_size", 0):
        refuse(node, "its scale differs inside an output channel; one per channel at most")
    if not np.all(np.isfinite(scale)) or np.any(scale == 0):
        refuse(node, "its scale is 0, infinite or NaN")
    zero = inputs[2] if len(inputs) > 2 else np.zeros(1, stored.dtype)
    axis = attribute.get("axis", 1)
    scales, zeros = (_along(node, each, stored, axis) for each in (scale, zero))
    codes = (stored.astype(np.int64) - zeros.astype(np.int64)).astype(np.float32)
    return Constant(codes * scales, codes, scales)


def _along(node: NodeProto, values: Array, stored: Array, axis: int) -> Array:
    """Broadcast one value, or one for each slice along `axis`, to the shape of `stored`."""
    if values.size > 1:
        if not -stored.ndim <= axis < stored.ndim or values.size != stored.shape[axis]:
            refuse(
                node, f"{values.size} scales or zero points for {stored.shape} along axis {axis}"
            )
        shape = [1] * stored.ndim
        shape[axis] = values.size
        values = values.reshape(shape)
    else:
        values = values.reshape(())
    return np.broadcast_to(values, stored.shape)


def _round(values: Array, operator: str) -> Array:
    if operator == "Round":
        return np.asarray(np.round(values))
    return np.asarray(np.ceil(values) if operator == "Ceil" else np.floor(values))


def evaluate_node(node: NodeProto, inputs: Mapping[str, Array], opset: int) -> list[Array]:
    """Run one standard node on constants in onnxruntime."""
    graph = helper.make_graph(
        [node],
        "constant",
        [],
        [onnx.ValueInfoProto(name=name) for name in node.output],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in inputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return [np.asarray(v) for v in session.run(None, {})]
    except Exception as error:  # noqa: BLE001 - onnxruntime's own share no narrower base
        refuse(node, f"cannot be evaluated on its constants ({error})")


def fold_constants(
    model: onnx.ModelProto, opset: int
) -> tuple[dict[str, Constant], list[NodeProto], dict[str, tuple[int, ...]]]:
    """Split the graph into constants and nodes that depend on the images, and infer static shapes.

    Returns the constants by name, the remaining nodes in topological order, and the shape of every
    tensor with the batch size that the file declares (1 where it is symbolic).
    """
    constants = _declared_constants(model)
    nodes = list(model.graph.node)
    shapes: dict[str, tuple[int, ...]] = {}
    for _ in range(_MAX_PASSES):
        nodes = [n for n in nodes if not _fold(n, constants, shapes, opset)]
        inferred = _infer_shapes(model, nodes, constants, opset)
        if inferred == shapes:
            break
        shapes = inferred
    return constants, nodes, shapes


def _declared_constants(model: onnx.ModelProto) -> dict[str, Constant]:
    datatypes = {
        a.tensor_name: p.value
        for a in model.graph.quantization_annotation
        for p in a.quant_parameter_tensor_names
        if p.key == "finn_datatype"
    }
    constants = {}
    for tensor in model.graph.initializer:
        values = np.asarray(numpy_helper.to_array(tensor))
        datatype = datatypes.get(tensor.name, "FLOAT32")
        integral = datatype == "BIPOLAR" or datatype.startswith(
            ("INT", "UINT", "TERNARY", "BINARY")
        )
        if integral and values.dtype == np.float32 and np.all(values == np.round(values)):
            # Weights that another tool has quantised already and annotated so.
            constants[tensor.name] = Constant(values, values, np.ones_like(values))
        else:
            constants[tensor.name] = Constant(values)
    return constants


def _fold(
    node: NodeProto,
    constants: dict[str, Constant],
    shapes: Mapping[str, tuple[int, ...]],
    opset: int,
) -> bool:
    """Add the node's outputs to `constants` if they do not depend on the images."""
    if node.op_type == "Shape" and node.input[0] in shapes:
        values = np.array(shapes[node.input[0]], np.int64)
        span = attributes(node)  # start and end, since opset 15
        constants[node.output[0]] = Constant(values[span.get("start", 0) : span.get("end")])
        return True
    names = [name for name in node.input if name]
    if not all(name in constants for name in names):
        return False
    if node.op_type in QUANTISERS:
        inputs = [constants[name].values for name in names]
        constants[node.output[0]] = quantise_weights(node, inputs)
        return True
    if node.domain not in STANDARD:
        return False
    if node.op_type == "DequantizeLinear":
        inputs = [constants[name].values for name in names]
        constants[node.output[0]] = dequantise_weights(node, inputs)
        return True
    first = constants[names[0]] if names else None
    parameters = {name: constants[name].values for name in names[1:]}
    keeps = node.op_type in _KEEPS_ELEMENTS
    if keeps and first is not None and first.codes is not None and first.scale is not None:
        parts = [
            evaluate_node(node, {names[0]: part, **parameters}, opset)[0]
            for part in (first.values, first.codes, first.scale)
        ]
        constants[node.output[0]] = Constant(*parts)
        return True
    operands = {name: constants[name].values for name in names}
    for name, result in zip(node.output, evaluate_node(node, operands, opset), strict=True):
        constants[name] = Constant(result)
    return True


def _infer_shapes(
    model: onnx.ModelProto,
    nodes: Sequence[NodeProto],
    constants: Mapping[str, Constant],
    opset: int,
) -> dict[str, tuple[int, ...]]:
    """Infer shapes with each quantiser replaced by Identity, which has the same shape."""
    used = {name for node in nodes for name in node.input}
    inputs = [_with_static_batch(v) for v in model.graph.input if v.name not in constants]
    initializers = []
    for name in sorted(used & constants.keys()):
        values = constants[name].values
        if values.size > _LARGE:
            kind = helper.np_dtype_to_tensor_dtype(values.dtype)
            inputs.append(helper.make_tensor_value_info(name, kind, values.shape))
        else:
            initializers.append(numpy_helper.from_array(values, name))
    standard = [
        helper.make_node("Identity", [n.input[0]], [n.output[0]])
        if n.op_type in _KEEPS_SHAPE
        else n
        for n in nodes
        if n.op_type in _KEEPS_SHAPE or n.domain in STANDARD
    ]
    outputs = [onnx.ValueInfoProto(name=v.name) for v in model.graph.output]
    graph = helper.make_graph(standard, "shapes", inputs, outputs, initializers)
    shadow = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    try:
        graph = onnx.shape_inference.infer_shapes(shadow, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        raise GoldenError(f"the graph's shapes contradict each other ({error})") from error
    shapes = {}
    for info in [*graph.input, *graph.value_info, *graph.output]:
        dims = info.type.tensor_type.shape.dim
        known = info.type.tensor_type.HasField("shape")
        if known and all(d.HasField("dim_value") for d in dims):
            shapes[info.name] = tuple(d.dim_value for d in dims)
    return shapes


def _with_static_batch(info: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    tensor = info.type.tensor_type
    dims: list[int | str] = [
        d.dim_value if d.HasField("dim_value") else (d.dim_param or "unknown")
        for d in tensor.shape.dim
    ]
    if dims and (isinstance(dims[0], str) or dims[0] == 0):
        dims[0] = 1
    kind = tensor.elem_type or TensorProto.FLOAT
    return helper.make_tensor_value_info(info.name, kind, dims)
