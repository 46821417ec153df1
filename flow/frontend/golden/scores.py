"""The end of the golden model: integers, and what they stand for on the host."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from flow.errors import GoldenError
from flow.frontend.golden.builder import Builder
from flow.frontend.golden.model import ONES, SCORES

ON_THE_HOST = ("Softmax", "LogSoftmax", "ArgMax", "TopK")
"""What may end a file and is left to the host: it ranks the scores, and changes no integer."""
_AFFINE = ("Mul", "Div", "Add", "Sub")
_MOVES = ("Cast", "Reshape")


@dataclass(frozen=True)
class End:
    """Where the scores are in the file. host: operators behind them, in order."""

    tensor: str
    host: tuple[str, ...]


def end_of(model: onnx.ModelProto) -> End:
    """Return the tensor of the scores; UserError where the file has several outputs."""
    producers = {name: node for node in model.graph.node for name in node.output}
    outputs = [value.name for value in model.graph.output]
    makers = {id(producers[name]) for name in outputs if name in producers}
    node = producers.get(outputs[0]) if outputs else None
    ranked = node is not None and node.op_type in ON_THE_HOST and len(makers) == 1
    if not outputs or (len(outputs) > 1 and not ranked):
        raise GoldenError(
            f"the model must have exactly one output that depends on the images; it has "
            f"{', '.join(outputs) or 'none'}"
        )
    tensor = outputs[0]
    host: list[str] = []
    while node is not None and node.op_type in ON_THE_HOST:
        host.insert(0, node.op_type)
        tensor = node.input[0]
        node = producers.get(tensor)
    return End(tensor, tuple(host))


def tensors_behind(model: onnx.ModelProto, end: End) -> set[str]:
    """Return the tensors behind the scores: what the host computes."""
    found = {end.tensor}
    for node in model.graph.node:
        if found & set(node.input):
            found.update(node.output)
    return found - {end.tensor}


def lower_scores(build: Builder, end: End) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Emit the scores, integers; return the scale and the offset of each, float64 (classes,).

    What stands behind the last integers may be any factor and any addend, each class its own.
    Where it is anything else the scores are real numbers, which no network has. UserError for an
    output that is not one score for each class.
    """
    if end.tensor not in build.values:
        raise GoldenError(f"the model's output '{end.tensor}' does not depend on the images")
    value = build.values[end.tensor]
    classes = value.shape[0] if value.shape else 0
    if int(np.prod(value.shape)) != classes:
        raise GoldenError(
            f"output '{end.tensor}' has shape (N, {value.shape}); one score per class is "
            "expected, (N, classes)"
        )
    if not build.layers:
        raise GoldenError("the model has no Conv, MatMul or Gemm; there is nothing to build")
    if value.zero is not None:
        raise GoldenError(
            f"output '{end.tensor}' holds the integers of a QuantizeLinear; let the file end with "
            "its DequantizeLinear"
        )
    scale, offset = np.ones(classes), np.zeros(classes)
    if value.codes is not None:  # a quantiser at the end: its codes are the scores
        _emit(build, value.tensor, classes)
        return scale * np.float64(value.codes.scale), offset
    real = build.real(value)
    source, dropped = _behind_integers(build, real, classes)
    for node, by in dropped:
        if node.op_type in ("Mul", "Div"):
            factor = by if node.op_type == "Mul" else 1 / by
            scale, offset = scale * factor, offset * factor
        elif node.op_type == "Sub" and node.input[0] in build.small:  # a constant minus the scores
            scale, offset = -scale, by - offset
        elif node.op_type in _AFFINE:
            offset = offset + (by if node.op_type == "Add" else -by)
    gone = [node for node, _ in dropped]
    build.nodes = [node for node in build.nodes if node not in gone]
    _emit(build, source, classes)
    return scale, offset


def _emit(build: Builder, source: str, classes: int) -> None:
    shape = build.constant(np.array([-1, classes], np.int64))
    build.nodes.append(
        helper.make_node("Reshape", [source, shape], [SCORES], name=f"Reshape_{SCORES}")
    )


Step = tuple[onnx.NodeProto, NDArray[np.float64]]


def _behind_integers(build: Builder, tensor: str, classes: int) -> tuple[str, list[Step]]:
    """Return the last integers in front of `tensor`, and the nodes between, in order.

    With each node its constant, (classes,). Where anything but a factor and an addend stands
    there, `tensor` itself is returned, and no node.
    """
    integers = {layer.accumulator for layer in build.layers}
    integers |= {value.tensor for value in build.values.values() if value.codes is not None}
    integers |= {
        n.output[0] for n in build.nodes if n.op_type == "Conv" and n.input[1].endswith(ONES)
    }
    producers = {node.output[0]: node for node in build.nodes}
    found: list[Step] = []
    source = tensor
    while source not in integers:
        node = producers.get(source)
        if node is None or node.op_type not in (*_AFFINE, *_MOVES):
            return tensor, []
        by = np.zeros(classes)
        source = node.input[0]
        if node.op_type in _AFFINE:
            sides = [name for name in node.input if name in build.small]
            if len(sides) != 1 or build.small[sides[0]].size not in (1, classes):
                return tensor, []
            by = by + build.small[sides[0]].reshape(-1).astype(np.float64)
            source = next(name for name in node.input if name != sides[0])
        found.insert(0, (node, by))
    return source, found
