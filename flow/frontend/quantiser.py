"""A quantiser of the user's file as a function of float64 values: what the witness asks it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper
from onnx.reference import ReferenceEvaluator

from flow.frontend.execution import STANDARD, Array, Execution, Tensors, quantise

_FARTHEST_ULP = 2.0**60
_MOST_CODE = 2.0**30  # far beyond every code; the reference implementation rounds to int32


class Quantiser(ABC):
    """A quantiser on some elements of its input."""

    def __init__(self, scale: float) -> None:
        self._scale = np.float64(scale)

    @abstractmethod
    def real(self, values: NDArray[np.float64]) -> Array:
        """Return what the file's quantiser gives for `values`, (n,)."""

    @abstractmethod
    def shift(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return what the quantiser adds before it rounds, in the terms of its input."""

    def codes(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the codes of `values`."""
        return np.rint(np.asarray(self.real(values), np.float64) / self._scale)

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is rounded: x / scale + zero, or x / scale where the zero is added behind."""
        return (values + self.shift(values.shape)) / self._scale

    def distances(
        self, values: NDArray[np.float64], ulp: NDArray[np.float64], wanted: Array
    ) -> NDArray[np.float64]:
        """Return how many ulp each value has to move at least until its code is the wanted one.

        By bisection on the quantiser itself, whose codes rise with the value; inf beyond 2**60.
        """

        def reached(steps: NDArray[np.float64]) -> NDArray[np.bool_]:
            low, high = self.codes(values - steps * ulp), self.codes(values + steps * ulp)
            return np.asarray((low <= wanted) & (wanted <= high))

        far = np.full(values.shape, _FARTHEST_ULP)
        never = ~reached(far)
        # Zero is a distance: golden's code may be the exact value's where the file's sum is not.
        near = np.zeros(values.shape)
        at_once = reached(near)
        for _ in range(80):
            middle = (near + far) / 2
            inside = reached(middle)
            far, near = np.where(inside, middle, far), np.where(inside, near, middle)
        return np.where(never, np.inf, np.where(at_once, 0.0, far))


class _OfQonnx(Quantiser):
    """A node of QONNX, by qonnx's own operator, which keeps float64."""

    def __init__(
        self, node: NodeProto, context: Tensors, mask: NDArray[np.bool_], scale: float
    ) -> None:
        super().__init__(scale)
        self._node = node
        self._parameters = {
            name: context[name]
            if np.asarray(context[name]).size == 1
            else np.broadcast_to(context[name], mask.shape)[mask]
            for name in node.input[1:]
            if name
        }

    def real(self, values: NDArray[np.float64]) -> Array:
        return quantise(self._node, {self._node.input[0]: values, **self._parameters})

    def shift(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        if self._node.op_type == "BipolarQuant":
            return np.zeros(shape)
        scale, zero = (
            np.asarray(self._parameters[name], np.float64).reshape(-1)[0]
            for name in self._node.input[1:3]
        )
        return np.full(shape, zero * scale)


class _OfOnnx(Quantiser):
    """QuantizeLinear to DequantizeLinear, by ONNX's own reference implementation in float64."""

    def __init__(
        self, execution: Execution, nodes: list[NodeProto], context: Tensors, scale: float
    ) -> None:
        super().__init__(scale)
        self._source, self._output = nodes[0].input[0], nodes[-1].output[0]
        held = {name for node in nodes for name in node.output} | {self._source}
        self._parameters = {
            name: _scalar(context[name]) for n in nodes for name in n.input if name not in held
        }
        names = [name for name in self._parameters if name]
        graph = helper.make_graph(
            nodes,
            "quantiser",
            [helper.make_empty_tensor_value_info(name) for name in (self._source, *names)],
            [helper.make_empty_tensor_value_info(self._output)],
        )
        opset = [helper.make_opsetid("", execution.opset)]
        self._run = ReferenceEvaluator(helper.make_model(graph, opset_imports=opset))

    def real(self, values: NDArray[np.float64]) -> Array:
        clipped = np.clip(values, -_MOST_CODE * self._scale, _MOST_CODE * self._scale)
        (found,) = self._run.run(None, {self._source: clipped, **self._parameters})
        return np.asarray(found)

    def shift(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return np.zeros(shape)


def _scalar(values: Array) -> Array:
    """Return a parameter that is one number as a scalar; scales in float64."""
    one = np.asarray(values).reshape(-1)[0]
    return np.asarray(one, np.float64 if np.asarray(values).dtype.kind == "f" else None)


def quantiser_of(
    execution: Execution,
    node: NodeProto,
    context: Tensors,
    mask: NDArray[np.bool_],
    scale: float,
) -> tuple[str, Quantiser]:
    """Return the quantiser that ends at `node`, for the elements in `mask`, and what it reads.

    scale: of the tap. The name is that of the tensor of real values in front of the quantiser.
    """
    if node.domain not in STANDARD:
        return node.input[0], _OfQonnx(node, context, mask, scale)
    producers = {each.output[0]: each for each in execution.nodes}
    nodes = [node]
    while nodes[0].op_type != "QuantizeLinear" and nodes[0].input[0] in producers:
        nodes.insert(0, producers[nodes[0].input[0]])
    return nodes[0].input[0], _OfOnnx(execution, nodes, context, scale)
