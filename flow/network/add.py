"""Add: two branches meet, value by value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from flow.network.edge import Edge
from flow.network.node import Integers, Node


@dataclass(frozen=True, eq=False)
class Add(Node):
    """factors[0] * a + factors[1] * b; both are 1 where the branches have the same scale.

    Refused: branches of different shapes; a factor of 0.
    """

    factors: tuple[int, int] = (1, 1)
    kind: ClassVar[str] = "Add"

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        if len(inputs) != 2:
            self.refuse(f"it has {len(inputs)} inputs, two are expected")
        if inputs[0].shape != inputs[1].shape:
            self.refuse(f"its branches are {inputs[0].describe()} and {inputs[1].describe()}")
        if 0 in self.factors:
            self.refuse("a factor is 0")
        ends = [
            sorted((factor * each.low, factor * each.high))
            for factor, each in zip(self.factors, inputs, strict=True)
        ]
        return Edge(inputs[0].shape, ends[0][0] + ends[1][0], ends[0][1] + ends[1][1])

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        return self.factors[0] * inputs[0] + self.factors[1] * inputs[1]
