"""Look at every node of a file and say what becomes of it; the first refusal is no end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import NodeProto

from driver.inputs import InputRule
from flow.errors import UserError
from flow.frontend.golden.builder import Builder, Codes, Value
from flow.frontend.golden.constants import attributes, fold_constants
from flow.frontend.golden.inputs import lower_input
from flow.frontend.golden.lower import check_graph, lower_node, single_input
from flow.frontend.golden.model import INPUT_LAYER, GoldenModel
from flow.frontend.golden.scores import end_of, tensors_behind

_FOLDED = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity"})
_ABSORBED = frozenset({"BatchNormalization", "Add", "Sub", "Mul", "Div", "Clip", "HardTanh"})
_PRODUCTS = ("Conv", "MatMul", "Gemm")
_QUANTISERS = (
    *("Quant", "IntQuant", "BipolarQuant", "Trunc"),
    *("QuantizeLinear", "DequantizeLinear"),
)


@dataclass(frozen=True)
class NodeSurvey:
    """One node that depends on the images, named as Netron shows it."""

    name: str
    op: str
    shape: tuple[int, ...]
    """Of its output, without the batch; empty where unknown."""
    becomes: str
    """The part of the accelerator it becomes; empty where it is refused."""
    refused: str
    """Why it cannot be built; empty where it can."""


@dataclass(frozen=True)
class LayerSurvey:
    """One matrix product: weights, multiply-accumulates of a frame, padding."""

    name: str
    kind: str
    weights: int
    macs: int
    weight_bits: int
    """1 for weights of -1 and +1, else the bits that hold the largest code."""
    padding: str


@dataclass(frozen=True)
class Survey:
    """What is in a model."""

    input: InputRule | None
    """How the network is fed; None where its input was refused."""
    nodes: tuple[NodeSurvey, ...]
    layers: tuple[LayerSurvey, ...]
    constants: int
    """Nodes that are computed once, before the build (weight quantisers, shapes)."""
    refused: tuple[str, ...]
    """Refusals that belong to no single node: inputs, outputs, dynamic shapes."""


def survey(model: onnx.ModelProto) -> Survey:
    """Look at every node of `model`.

    Raises UserError only where nothing can be said at all: sparse or nested graphs, an old opset.
    """
    opset = check_graph(model)
    constants, nodes, shapes = fold_constants(model, opset)
    folded = len(model.graph.node) - len(nodes)
    try:
        source = single_input(model, set(constants))
        if source.name not in shapes:
            raise UserError(
                f"input '{source.name}' has a dynamic shape; only its batch may be open"
            )
        build = Builder(constants, shapes, batch=shapes[source.name][0])
        image = lower_input(build, model, source, nodes)
        end = end_of(model)
    except UserError as error:
        return Survey(None, (), (), folded, (error.reason,))
    found: list[NodeSurvey] = []
    layers: list[LayerSurvey] = []
    padded: dict[str, float] = {}
    on_host, behind = tensors_behind(model, end), _behind_last_layer(nodes)
    for node in nodes:
        before = len(build.layers)
        source_value = _input_of(build, node)
        refused = ""
        consumed = node.output[0] in image.consumed
        ranks = node.output[0] in on_host
        try:
            if not consumed and not ranks:
                lower_node(build, node)
        except UserError as error:
            refused = error.reason
            _go_on(build, node, source_value)
        if len(build.layers) > before:
            layers.append(_layer(build, node, source_value, padded))
        if node.op_type == "Pad" and not refused:
            padded[node.output[0]] = _pad_value(build, node)
        shape = build.values[node.output[0]].shape if node.output[0] in build.values else ()
        name = named(node)
        becomes = "" if refused else _becomes(node, source_value)
        becomes = "steps in the driver" if consumed else becomes
        if (ranks or node.output[0] in behind) and not refused:
            becomes = "arithmetic of the host, on the scores"
        found.append(NodeSurvey(name, node.op_type, shape, becomes, refused))
    whole = list(_score_refusals(end.tensor, model, build))
    if not whole and not any(node.refused for node in found):
        found, whole = _without_hardware(model, found)
    return Survey(image.rule, tuple(found), tuple(layers), folded, tuple(whole))


def reasons(found: Survey) -> list[str]:
    """Return every reason why the model cannot be built; empty where it can."""
    nodes = [f"{node.name} ({node.op}): {node.refused}" for node in found.nodes if node.refused]
    return [*nodes, *found.refused]


def require_buildable(model: onnx.ModelProto) -> None:
    """Raise UserError with every reason why `model` cannot be built."""
    refused = reasons(survey(model))
    if not refused:
        return
    count = f"{len(refused)} reason{'s' if len(refused) > 1 else ''}"
    lines = "\n".join(f"  {line}" for line in refused)
    raise UserError(
        f"golden: this network cannot be built, {count}:\n{lines}\n"
        "flow inspect shows every node; docs/scope.md says what to do instead"
    )


def _without_hardware(
    model: onnx.ModelProto, nodes: Sequence[NodeSurvey]
) -> tuple[list[NodeSurvey], list[str]]:
    """Read the network and look for a kernel for each of its nodes.

    Returns the nodes with what is refused written to the node it comes from, and refusals that
    belong to no single one.
    """
    from flow.frontend.golden.lower import lower_to_plain_onnx
    from flow.frontend.to_network import network_from_golden
    from flow.hardware.plan import hardware_refusals

    told: dict[str, str] = {}
    whole: list[str] = []
    known = {node.name for node in nodes}

    def tell(sources: Mapping[str, str], place: str, reason: str, text: str) -> None:
        name = sources.get(place.removesuffix(".unpooled").removesuffix(".summed"), "")
        if name in known:
            told.setdefault(name, reason)
        else:
            whole.append(text)

    try:
        golden = lower_to_plain_onnx(model)
    except UserError as error:
        return list(nodes), [error.reason]
    sources = _names_in_file(model, golden)
    try:
        for refusal in hardware_refusals(network_from_golden(golden)):
            tell(sources, refusal.node, refusal.reason, str(refusal))
    except UserError as error:
        tell(sources, error.node, error.reason, error.text)
    refused = [
        replace(node, becomes="", refused=told[node.name]) if node.name in told else node
        for node in nodes
    ]
    return refused, whole


def _names_in_file(model: onnx.ModelProto, golden: GoldenModel) -> dict[str, str]:
    """Return edge of the network -> node of the file, by the name that `survey` gives it."""
    producers = {node.output[0]: named(node) for node in model.graph.node if node.output}
    found = {tap.name: producers.get(tap.source, "") for tap in golden.taps}
    by_name = producers | {n.name or n.output[0]: named(n) for n in model.graph.node}
    found |= {layer.accumulator: by_name.get(layer.source, "") for layer in golden.layers}
    return {**by_name, **found}


def named(node: NodeProto) -> str:
    """Return a node's name, or what stands for it."""
    return node.name or f"{node.op_type} → {node.output[0]}"


def _input_of(build: Builder, node: NodeProto) -> Value | None:
    return next((build.values[name] for name in node.input if name in build.values), None)


def _go_on(build: Builder, node: NodeProto, value: Value | None) -> None:
    """Give a refused node's output a value, so that what follows is judged by itself.

    Behind a refused quantiser stand bipolar codes, behind anything else real values.
    """
    shape = build.shapes.get(node.output[0]) if node.output else None
    if shape is None:
        return
    quantiser = node.op_type in _QUANTISERS
    codes = Codes(np.float32(1), -1, 1) if quantiser else None
    base = value or Value("", (), INPUT_LAYER)
    build.values[node.output[0]] = replace(base, shape=tuple(shape[1:]), codes=codes)


def _pad_value(build: Builder, node: NodeProto) -> float:
    level = build.array(node, 2)
    return float(attributes(node).get("value", 0.0) if level is None else level.reshape(-1)[0])


def _layer(
    build: Builder, node: NodeProto, value: Value | None, padded: Mapping[str, float]
) -> LayerSurvey:
    layer = build.layers[-1]
    codes = build.constants[node.input[1]].codes
    values = codes if codes is not None else np.zeros(1, np.float32)
    bits = 1 if np.all(np.abs(values) == 1) else int(np.abs(values).max()).bit_length() + 1
    macs = int(values.size) * int(np.prod(layer.shape[1:]))
    padding = _padding(node, value, padded)
    return LayerSurvey(layer.source, layer.kind, int(values.size), macs, bits, padding)


def _padding(node: NodeProto, value: Value | None, padded: Mapping[str, float]) -> str:
    """Return what a Conv is padded with, in the words of the numeric contract.

    padded: tensors that a Pad node gives, with its value.
    """
    if node.input[0] in padded:
        return f"{padded[node.input[0]]:g} (a bit like any other)"
    pads = attributes(node).get("pads", [])
    if node.op_type != "Conv" or not any(pads):
        return "none"
    bipolar = value is not None and value.codes is not None and value.codes.low == -1
    if value is not None and value.layer == INPUT_LAYER and not bipolar:
        return "0 (the input has a zero)"
    return "0 (padded words are flagged and add nothing)"


def _becomes(node: NodeProto, value: Value | None) -> str:
    at_input = value is not None and value.layer == INPUT_LAYER
    if node.op_type == "Conv":
        return "sliding window + matrix-vector unit"
    if node.op_type in ("MatMul", "Gemm"):
        return "matrix-vector unit"
    if node.op_type == "MaxPool":
        return "max-pool"
    if node.op_type in ("AveragePool", "GlobalAveragePool", "ReduceMean"):
        return "sum-pool; the division is in the thresholds"
    if node.op_type in _QUANTISERS:
        return "input table" if at_input else "thresholds of the unit before it"
    if node.op_type == "Pad":
        return "padding of the next sliding window"
    if node.op_type in _FOLDED:
        return "nothing (order of words)"
    if node.op_type in _ABSORBED:
        return "input table" if at_input else "thresholds of the unit before it"
    return "thresholds of the unit before it"


def _behind_last_layer(nodes: Sequence[NodeProto]) -> set[str]:
    """Return the outputs of the arithmetic that follows the last layer and is no quantiser's."""
    last = max(
        (k for k, node in enumerate(nodes) if node.op_type in (*_PRODUCTS, *_QUANTISERS)),
        default=-1,
    )
    if last < 0 or nodes[last].op_type in _QUANTISERS:
        return set()
    return {node.output[0] for node in nodes[last + 1 :] if node.op_type in _ABSORBED}


def _score_refusals(output: str, model: onnx.ModelProto, build: Builder) -> list[str]:
    value = build.values.get(output)
    if value is not None and int(np.prod(value.shape)) != (value.shape[0] if value.shape else 0):
        return [f"output '{output}' has shape (N, {value.shape}), not one score for each class"]
    named = any(node.op_type in _PRODUCTS for node in model.graph.node)
    return [] if build.layers or named else ["there is no Conv, MatMul or Gemm: nothing to build"]


def padding_contract(found: Survey) -> str:
    """Return what the layers behind the first pad with, in one word: none, 0, -1 or mixed."""
    kinds = {layer.padding.split()[0] for layer in found.layers[1:] if layer.padding != "none"}
    return "none" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"
