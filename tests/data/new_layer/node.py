"""Absolute: a code without its sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flow.network.edge import Edge
from flow.network.node import Integers, Node, Operator


@dataclass(frozen=True, eq=False)
class Absolute(Node):
    """The magnitude of every value."""

    kind: ClassVar[str] = "Absolute"
    operators: ClassVar[tuple[str, ...]] = ("Abs",)

    @classmethod
    def of_operator(cls, operator: Operator) -> Absolute:
        return cls(operator.name, operator.inputs)

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        source = self.one(inputs)
        if source.step != 1:
            self.refuse(f"it reads {source.describe()}; neighbouring codes must differ by 1")
        return Edge(source.shape, 0, source.magnitude)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        return np.abs(inputs[0])
