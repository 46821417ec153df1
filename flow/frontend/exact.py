"""The same nodes once more in float64, with the size that each value would have uncancelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper
from onnx.reference import ReferenceEvaluator

from flow.errors import UserError
from flow.frontend.execution import (
    MOVES,
    STANDARD,
    Array,
    Execution,
    Tensors,
    quantise,
    standard_model,
)

ULP = 2.0**-23
"""The coarsest float32 spacing of a number of size 1: ulp(size) = ULP * size."""

_PRODUCTS = ("Conv", "MatMul", "Gemm")
_AVERAGES = ("AveragePool", "GlobalAveragePool", "ReduceMean")
_LINEAR = (*_PRODUCTS, *_AVERAGES, "Add", "Concat", "Mul", "Sum")
_MAXIMA = ("GlobalMaxPool", "MaxPool", "ReduceMax")
_CONTRACTIONS = ("Abs", "Clip", "HardTanh", "Hardtanh", "Neg", "Relu")
_ROUNDINGS = 32  # of all that is no sum in a segment: scales, BatchNormalization, biases


@dataclass(frozen=True)
class Exact:
    """A tensor in float64.

    size: float64, what the value would be had every term entered with its magnitude; no float32
    evaluation in any order meets a number larger than this, so its rounding errors are multiples
    of ulp(size). rounded: whether float32 rounded anywhere on the way, code * scale of an
    activation or a weight, or qonnx's result of a node, which then differs from this one. terms:
    most products that a node on the way sums.
    """

    value: NDArray[np.float64]
    size: NDArray[np.float64]
    rounded: NDArray[np.bool_]
    terms: int = 0

    @property
    def ulp(self) -> NDArray[np.float64]:
        """The ulp of each element's size; the smallest normal float32 where the size is 0."""
        return np.maximum(self.size * ULP, np.finfo(np.float32).tiny)

    def refined(self, computed: Array) -> NDArray[np.float64]:
        """Return the value where float32 rounding explains its distance from `computed`, else that.

        A sum of n terms in float32 is off by n * size / 2**24 at most. This evaluation so never
        decides what the file means: it takes rounding off qonnx's result and nothing else.
        """
        reach = (self.terms + _ROUNDINGS) * self.ulp / 2
        return np.where(np.abs(computed - self.value) <= reach, self.value, computed)


def exact(
    execution: Execution, tensor: str, context: Tensors, given: Mapping[str, NDArray[np.bool_]]
) -> Exact:
    """Evaluate `tensor` from the tensors `given` (taken from `context`) and the file's constants.

    given: by name, which of their elements are themselves rounded (code * scale in float32).

    UserError for an operator without a form here (golden refuses those before).
    """
    known: dict[str, Exact] = {}
    needed, nodes = {tensor} - set(given), []
    for node in reversed(execution.nodes):
        if node.output[0] in needed:
            nodes.append(node)
            needed |= {name for name in node.input if name and name not in given}

    def operand(name: str) -> Exact:
        if name not in known:
            value = np.asarray(context[name], np.float64)
            mask = np.full(value.shape, name in execution.rounded_constants)
            known[name] = Exact(value, np.abs(value), given.get(name, mask))
        return known[name]

    for node in reversed(nodes):
        name = node.output[0]
        found = _evaluate(execution, node, operand, context)
        known[name] = replace(found, rounded=found.rounded | (found.value != context[name]))
    return operand(tensor)


def _evaluate(
    execution: Execution, node: NodeProto, operand: Callable[[str], Exact], context: Tensors
) -> Exact:
    names = [name for name in node.input if name]
    terms = max(operand(name).terms for name in names)
    if node.domain not in STANDARD:
        constants = {name: context[name] for name in names[1:]}
        value = quantise(node, {names[0]: operand(names[0]).value, **constants})
        before = operand(names[0]).rounded
        return Exact(value.astype(np.float64), np.abs(value).astype(np.float64), before)
    integers = {n: context[n] for n in names if np.asarray(context[n]).dtype.kind in "iub"}
    values: Tensors = {n: operand(n).value for n in names} | integers
    sizes: Tensors = {n: operand(n).size for n in names} | integers
    if node.op_type == "Cast":
        return operand(names[0])
    value = _reference(execution, node, values)
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        return Exact(value, np.abs(value), operand(names[0]).rounded, terms)
    if node.op_type in _PRODUCTS:
        weights = values[names[1]]
        terms = max(terms, weights[0].size if node.op_type == "Conv" else max(weights.shape))
    if node.op_type in _AVERAGES:
        terms += int(np.prod(values[names[0]].shape[2:]))
    mask = _rounded(execution, node, operand, integers, value.shape)
    contracts = node.op_type in _CONTRACTIONS
    size = sizes[names[0]] if contracts else _size(execution, node, values, sizes)
    return Exact(value, size, mask, terms)


def _rounded(
    execution: Execution,
    node: NodeProto,
    operand: Callable[[str], Exact],
    integers: Tensors,
    shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Return which elements come from rounded ones; behind a product all do, or none."""
    names = [name for name in node.input if name]
    masks = {name: operand(name).rounded for name in names}
    if node.op_type in (*_MAXIMA, *MOVES):
        moved = {name: mask.astype(np.float64) for name, mask in masks.items()} | integers
        return np.asarray(_reference(execution, node, moved) > 0)
    first = masks[names[0]]
    if node.op_type in (*_CONTRACTIONS, "BatchNormalization") and first.shape == shape:
        return first
    if len(names) == 2 and node.op_type not in _PRODUCTS:
        return np.asarray(np.broadcast_to(first | masks[names[1]], shape))
    return np.full(shape, any(mask.any() for mask in masks.values()))


def _size(execution: Execution, node: NodeProto, values: Tensors, sizes: Tensors) -> Array:
    names = [name for name in node.input if name]
    if node.op_type in (*_LINEAR, *_MAXIMA, *MOVES):
        return _reference(execution, _positive(node), sizes)
    if node.op_type == "Sub":
        return np.asarray(sizes[names[0]] + sizes[names[1]])
    if node.op_type == "Div":
        return np.asarray(sizes[names[0]] / np.abs(values[names[1]]))
    if node.op_type == "BatchNormalization":
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
        x = sizes[names[0]]
        scale, bias, mean, variance = (
            values[name].reshape(1, -1, *[1] * (x.ndim - 2)) for name in names[1:]
        )
        factor = np.abs(scale) / np.sqrt(variance + np.float64(epsilon))
        return np.asarray((x + np.abs(mean)) * factor + np.abs(bias))
    raise UserError(f"witness: {node.op_type} '{node.name}' has no float64 form")


def _positive(node: NodeProto) -> NodeProto:
    """Return a Gemm with its factors' magnitudes; any other node as it is."""
    if node.op_type != "Gemm":
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    for attribute in copy.attribute:
        if attribute.name in ("alpha", "beta"):
            attribute.f = abs(attribute.f)
    return copy


def _reference(execution: Execution, node: NodeProto, inputs: Tensors) -> Array:
    """Run one standard node in ONNX's own reference implementation, in float64."""
    if node.op_type in ("Conv", "MaxPool", "AveragePool"):
        node = _with_explicit_pads(node, inputs)
    model = standard_model(node, inputs, execution.opset)
    outputs = list(ReferenceEvaluator(model).run(None, inputs))
    return np.asarray(outputs[0], np.float64)


def _with_explicit_pads(node: NodeProto, inputs: Tensors) -> NodeProto:
    """Return the node with `pads` in place of auto_pad, which the reference reads wrongly.

    As everything here it is held against qonnx's result, by `Exact.refined`.
    """
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    same = attributes.pop("auto_pad", b"NOTSET").decode()
    if same == "NOTSET":
        return node
    names = [name for name in node.input if name]
    size = inputs[names[0]].shape[2:]
    kernel = attributes.get("kernel_shape") or inputs[names[1]].shape[2:]
    strides = attributes.get("strides", [1] * len(size))
    dilations = attributes.get("dilations", [1] * len(size))
    before, after = [], []
    for length, reach, stride, dilation in zip(size, kernel, strides, dilations, strict=True):
        total = max((-(-length // stride) - 1) * stride + (reach - 1) * dilation + 1 - length, 0)
        total = 0 if same == "VALID" else total
        small, large = total // 2, total - total // 2
        before.append(small if same == "SAME_UPPER" else large)
        after.append(large if same == "SAME_UPPER" else small)
    attributes["pads"] = [*before, *after]
    return helper.make_node(node.op_type, node.input, node.output, node.name, **attributes)
