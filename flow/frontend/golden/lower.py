"""Lower a QONNX model to plain ONNX: the golden model that every later form must equal."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from driver.inputs import InputRule
from flow.errors import GoldenError
from flow.frontend.golden.builder import Builder
from flow.frontend.golden.constants import fold_constants, refuse
from flow.frontend.golden.inputs import lower_input
from flow.frontend.golden.model import (
    GOLDEN_OPSET,
    IMAGES,
    INPUT_LAYER,
    SCORES,
    GoldenModel,
    get_class_names,
)
from flow.frontend.golden.operators import HANDLERS

_IR_VERSION = 9
_OLDEST_OPSET = 9
_AFFINE = ("Mul", "Div", "Add", "Sub")
_HINTS = {
    "Sign": "sign(0) = 0 makes three values; use a BipolarQuant activation",
    "Trunc": "average pooling has no hardware layer here; use a maximum",
    "AveragePool": "average pooling has no hardware layer here; use a maximum",
    "GlobalAveragePool": "average pooling has no hardware layer here; use a maximum",
    "Softmax": "leave it out of the export; the accelerator gives scores",
    "LogSoftmax": "leave it out of the export; the accelerator gives scores",
    "ArgMax": "leave it out of the export; the accelerator gives scores",
    "TopK": "leave it out of the export; the accelerator gives scores",
    "ConvTranspose": "only Conv, MatMul and Gemm are supported",
}


def lower_to_plain_onnx(model: onnx.ModelProto) -> GoldenModel:
    """Lower `model` to standard operators on the integers of its `InputRule`.

    UserError names the node, the operator and the reason for whatever is not supported.
    """
    opset = check_graph(model)
    constants, nodes, shapes = fold_constants(model, opset)
    source = single_input(model, set(constants))
    if source.name not in shapes:
        raise GoldenError(f"input '{source.name}' has a dynamic shape; only its batch may be open")
    build = Builder(constants, shapes, batch=shapes[source.name][0])
    image = lower_input(build, model, source, nodes)
    for node in nodes:
        if node.output[0] not in image.consumed:
            lower_node(build, node)
    classes, scale, offset = _lower_scores(build, model)
    names = get_class_names(model, classes)
    wide = build.layers[-1].is_wide and build.nodes[-1].input[0] == build.layers[-1].accumulator
    plain = _assemble(build, image.rule, classes, TensorProto.DOUBLE if wide else TensorProto.FLOAT)
    at_input = [tap for tap in build.taps if tap.layer == INPUT_LAYER]
    # Of raw pixels and the codes that a quantiser makes of them, the layer sees the latter.
    taps = tuple(tap for tap in build.taps if tap not in at_input[:-1])
    layers = tuple(build.layers)
    return GoldenModel(plain, taps, layers, image.rule, classes, scale, names, score_offset=offset)


def lower_node(build: Builder, node: onnx.NodeProto) -> None:
    """Emit what `node` becomes; UserError naming it where it is not supported."""
    handler = HANDLERS.get(node.op_type)
    if handler is None:
        reason = _HINTS.get(node.op_type, f"supported are {', '.join(sorted(HANDLERS))}")
        refuse(node, f"this operator is not supported; {reason}")
    handler(build, node)


def check_graph(model: onnx.ModelProto) -> int:
    """Return the opset; refuse an old one, and graphs whose constants nothing here would see."""
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset < _OLDEST_OPSET:
        raise GoldenError(f"the model uses opset {opset}; export it with {_OLDEST_OPSET} or later")
    if model.graph.sparse_initializer:
        raise GoldenError("sparse initializers are not supported; export dense weights")
    for node in model.graph.node:
        if any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute):
            refuse(node, "control flow is not supported")
    return opset


def single_input(model: onnx.ModelProto, constants: set[str]) -> onnx.ValueInfoProto:
    """Return the one input that is no constant; UserError where there is not exactly one."""
    inputs = [v for v in model.graph.input if v.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(v.name for v in inputs) or "none"
        raise GoldenError(f"the model must have exactly one input; it has {names}")
    source: onnx.ValueInfoProto = inputs[0]
    return source


def _lower_scores(build: Builder, model: onnx.ModelProto) -> tuple[int, float, float]:
    """Emit the scores; return their number, the real value of one step of them, and of 0."""
    outputs = [v.name for v in model.graph.output]
    if len(outputs) != 1 or outputs[0] not in build.values:
        raise GoldenError(
            f"the model must have exactly one output that depends on the images; it has "
            f"{', '.join(outputs) or 'none'}"
        )
    value = build.values[outputs[0]]
    classes = value.shape[0] if value.shape else 0
    if int(np.prod(value.shape)) != classes:
        raise GoldenError(
            f"output '{outputs[0]}' has shape (N, {value.shape}); one score per class is "
            "expected, (N, classes)"
        )
    if not build.layers:
        raise GoldenError("the model has no Conv, MatMul or Gemm; there is nothing to build")
    if value.codes is not None:  # a quantiser at the end: its codes are the scores
        _emit_scores(build, value.tensor, classes)
        return classes, float(value.codes.scale), 0.0
    real = build.real(value)
    dropped = _behind_accumulators(build, real)
    scale, offset = np.float64(1), np.float64(0)
    for node in reversed(dropped):
        if node.op_type in ("Cast", "Reshape"):
            continue
        by = np.float64(build.scalars[node.input[1]])
        if node.op_type in ("Mul", "Div"):
            factor = by if node.op_type == "Mul" else 1 / by
            scale, offset = scale * factor, offset * factor
        else:
            offset += by if node.op_type == "Add" else -by
    build.nodes = [node for node in build.nodes if node not in dropped]
    source = build.layers[-1].accumulator if dropped else real
    _emit_scores(build, source, classes)
    return classes, float(scale), float(offset)


def _emit_scores(build: Builder, source: str, classes: int) -> None:
    shape = build.constant(np.array([-1, classes], np.int64))
    build.nodes.append(
        helper.make_node("Reshape", [source, shape], [SCORES], name=f"Reshape_{SCORES}")
    )


def _behind_accumulators(build: Builder, tensor: str) -> list[onnx.NodeProto]:
    """Return the nodes between `tensor` and the last accumulators, if they keep the scores' order.

    A positive factor and an addend do, if they are one number for all scores. Where anything else
    stands there, nothing is returned.
    """
    producers = {node.output[0]: node for node in build.nodes}
    found: list[onnx.NodeProto] = []
    while tensor != build.layers[-1].accumulator:
        node = producers.get(tensor)
        if node is None or node.op_type not in (*_AFFINE, "Cast", "Reshape"):
            return []
        by = build.scalars.get(node.input[1]) if node.op_type != "Cast" else None
        if node.op_type in _AFFINE and by is None:
            return []
        if node.op_type in ("Mul", "Div") and by is not None and by <= 0:
            return []
        found.append(node)
        tensor = node.input[0]
    return found


def _assemble(build: Builder, rule: InputRule, classes: int, score_type: int) -> onnx.ModelProto:
    kind = TensorProto.INT8 if rule.low < 0 else TensorProto.UINT8
    graph = helper.make_graph(
        build.nodes,
        "golden",
        [helper.make_tensor_value_info(IMAGES, kind, ["N", *rule.shape])],
        [helper.make_tensor_value_info(SCORES, score_type, ["N", classes])],
        build.initializers,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", GOLDEN_OPSET)],
        ir_version=_IR_VERSION,
        producer_name="bnnflow",
    )
    onnx.checker.check_model(model)
    return model
