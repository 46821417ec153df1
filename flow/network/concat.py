"""Concat: the channels of several branches side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import ClassVar

import numpy as np

from flow.network.edge import Edge
from flow.network.node import Integers, Node, Operator


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """The channels of the first input, then those of the second, and so on.

    Refused: fewer than two inputs; maps of different sizes.
    """

    kind: ClassVar[str] = "Concat"
    operators: ClassVar[tuple[str, ...]] = ("Concat",)

    @classmethod
    def of_operator(cls, operator: Operator) -> Concat:
        if operator.attributes["axis"] != 1:
            operator.refuse("it does not join channels")
        return cls(operator.name, operator.inputs)

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        if len(inputs) < 2:
            self.refuse("it has one input, two or more are expected")
        if len({each.shape[:2] for each in inputs}) != 1:
            self.refuse("its branches are " + ", ".join(each.describe() for each in inputs))
        height, width, _ = inputs[0].shape
        channels = sum(each.shape[2] for each in inputs)
        low, high = min(each.low for each in inputs), max(each.high for each in inputs)
        step = gcd(*(each.step for each in inputs), *(each.low - low for each in inputs))
        return Edge((height, width, channels), low, high, step)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        return np.concatenate(inputs, axis=-1)
