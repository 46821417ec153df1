"""Lower a QONNX or QCDQ model to plain ONNX: the golden model that every later form must equal."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from driver.inputs import InputRule
from driver.scores import ScoreMap
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
from flow.frontend.golden.qdq import BETWEEN
from flow.frontend.golden.scores import End, end_of, lower_scores, tensors_behind

_IR_VERSION = 9
_OLDEST_OPSET = 9
_HINTS = {
    "Sign": "sign(0) = 0 makes three values; use a BipolarQuant activation",
    "ConvTranspose": "only Conv, MatMul and Gemm are supported",
    **dict.fromkeys(
        ("QLinearConv", "QLinearMatMul", "QLinearAdd", "QGemm", "ConvInteger", "MatMulInteger"),
        "write the file in QDQ format (quant_format=QuantFormat.QDQ), not with integer operators",
    ),
    "DynamicQuantizeLinear": "its scale follows from each image; quantise statically",
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
    end = end_of(model)
    skipped = image.consumed | tensors_behind(model, end)
    for node in nodes:
        if node.output[0] not in skipped:
            lower_node(build, node)
    scale, offset = lower_scores(build, end)
    classes = len(scale)
    names = get_class_names(model, classes)
    wide = build.layers[-1].is_wide and build.nodes[-1].input[0] == build.layers[-1].accumulator
    plain = _assemble(build, image.rule, classes, TensorProto.DOUBLE if wide else TensorProto.FLOAT)
    at_input = [tap for tap in build.taps if tap.layer == INPUT_LAYER]
    # Of raw pixels and the codes that a quantiser makes of them, the layer sees the latter.
    taps = tuple(tap for tap in build.taps if tap not in at_input[:-1])
    layers = tuple(build.layers)
    scores = ScoreMap(tuple(scale.tolist()), tuple(offset.tolist()), _softmax_divisor(build, end))
    return GoldenModel(plain, taps, layers, image.rule, classes, scores, names, end.tensor)


def _softmax_divisor(build: Builder, end: End) -> float:
    """Return what the output is divided by before softmax (see ScoreMap)."""
    if "Softmax" in end.host or "LogSoftmax" in end.host:
        return 1.0
    last = build.layers[-1]
    names = (last.weights, f"{last.weights}.0")
    weights = next(tensor for tensor in build.initializers if tensor.name in names)
    return float(np.sqrt(np.prod(weights.dims) / last.shape[0]))


def lower_node(build: Builder, node: onnx.NodeProto) -> None:
    """Emit what `node` becomes; UserError naming it where it is not supported."""
    handler = HANDLERS.get(node.op_type)
    if handler is None:
        reason = _HINTS.get(node.op_type, f"supported are {', '.join(sorted(HANDLERS))}")
        refuse(node, f"this operator is not supported; {reason}")
    held = [n for n in node.input if n in build.values and build.values[n].zero is not None]
    if held and node.op_type not in BETWEEN:
        refuse(
            node,
            f"it reads the integers '{held[0]}'; between QuantizeLinear and DequantizeLinear only "
            "Clip may stand, so put it behind DequantizeLinear",
        )
    handler(build, node)


def check_graph(model: onnx.ModelProto) -> int:
    """Return the opset; refuse an old one, FINN's own files, and constants nothing would see."""
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset < _OLDEST_OPSET:
        raise GoldenError(f"the model uses opset {opset}; export it with {_OLDEST_OPSET} or later")
    if model.graph.sparse_initializer:
        raise GoldenError("sparse initializers are not supported; export dense weights")
    for node in model.graph.node:
        if any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute):
            refuse(node, "control flow is not supported")
        if node.op_type == "MultiThreshold" or (
            node.domain.startswith("finn") and node.op_type not in HANDLERS
        ):
            refuse(node, "this is a FINN-ONNX file; export the network as QONNX and give that")
    return opset


def single_input(model: onnx.ModelProto, constants: set[str]) -> onnx.ValueInfoProto:
    """Return the one input that is no constant; UserError where there is not exactly one."""
    inputs = [v for v in model.graph.input if v.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(v.name for v in inputs) or "none"
        raise GoldenError(f"the model must have exactly one input; it has {names}")
    source: onnx.ValueInfoProto = inputs[0]
    return source


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
