"""FINN's own thresholds beside the network's, and the network's put in their place.

Streamlining solves the BatchNormalization for its threshold; the golden model evaluates it. In
float32 the two disagree by one accumulator step on a few channels in a million. The golden model is
what was trained and measured, so where FINN builds (`impl = "hls"`) its thresholds are replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qonnx.core.datatype import DataType
from qonnx.transformation.base import Transformation

from flow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.network import Network


@dataclass(frozen=True, eq=False)
class ExactThresholds:
    """An activation of the network as FINN writes it: falling channels have negated weights.

    name: of the network's edge. thresholds: int64 (channels, steps), ascending; the code rises by
    one step at each that is at most the sum. lowest, highest: int64 (channels,), the sums that can
    occur, of negated channels the negated ones.
    """

    name: str
    thresholds: NDArray[np.int64]
    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]

    def clipped(self, thresholds: NDArray[np.generic]) -> NDArray[np.int64]:
        """Round thresholds up to sums, and those out of reach to just "always" or "never"."""
        whole = np.ceil(np.nan_to_num(thresholds.astype(np.float64), posinf=2**31, neginf=-(2**31)))
        found: NDArray[np.int64] = np.clip(
            whole.astype(np.int64), self.lowest[:, None], self.highest[:, None] + 1
        )
        return found


def exact_thresholds(network: Network) -> list[ExactThresholds]:
    """Return the activations of a network in order, those of its inputs left out."""
    from flow.network import Threshold

    found = []
    for node in network.of_kind(Threshold):
        (sums,) = network.input_edges(node)
        falls = node.falling
        rising = np.where(falls[:, None], -node.steps[:, ::-1], node.steps)
        lowest = np.where(falls, -sums.high, sums.low)
        highest = np.where(falls, -sums.low, sums.high)
        each = ExactThresholds(node.name, rising, lowest, highest)
        found.append(ExactThresholds(node.name, each.clipped(rising), lowest, highest))
    return found


def activations(model: ModelWrapper, expected: Sequence[ExactThresholds]) -> list[NodeProto]:
    """Return FINN's activations behind the input's quantiser; UserError where others are left.

    `model` is streamlined and reads pixels.
    """
    nodes = [n for n in model.graph.node if n.op_type == "MultiThreshold"][1:]
    if len(nodes) != len(expected):
        raise UserError(f"it has {len(nodes)} activations, the network {len(expected)}")
    for node, exact in zip(nodes, expected, strict=True):
        steps = model.get_initializer(node.input[1]).shape[1]
        if steps != exact.thresholds.shape[1]:
            raise UserError(
                f"{node.name} has {steps} thresholds a channel, the network's {exact.name} "
                f"{exact.thresholds.shape[1]}"
            )
    return nodes


class SetExactThresholds(Transformation):
    """Write the network's thresholds into FINN's activations, in order."""

    def __init__(self, expected: Sequence[ExactThresholds]) -> None:
        super().__init__()
        self._expected = expected

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        nodes = activations(model, self._expected)
        for node, exact in zip(nodes, self._expected, strict=True):
            model.set_initializer(node.input[1], exact.thresholds.astype(np.float32))
            # Not an integer type: counting equal bits halves the thresholds later on.
            model.set_tensor_datatype(node.input[1], DataType["FLOAT32"])
        return model, False
