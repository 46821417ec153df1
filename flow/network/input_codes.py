"""InputCodes: what the network makes of the values it is given, one table for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from flow.network.edge import Edge
from flow.network.node import Integers, Node


@dataclass(frozen=True, eq=False)
class InputCodes(Node):
    """code = table[value - lowest value of the input].

    table: int32 (levels of the input,), 256 for pixels. Scaling, normalisation and the input's
    quantiser are all in it. low, high, step: of the quantiser, whatever the images; not every one
    of its codes has to be in the table. first: the input's lowest value, that of table[0].

    Refused: a table of another length than the input has values, a code outside of low..high.
    """

    table: NDArray[np.int32]
    low: int
    high: int
    step: int = 1
    first: int = 0
    kind: ClassVar[str] = "InputCodes"

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        source = self.one(inputs)
        if len(self.table) != source.levels or source.step != 1:
            self.refuse(f"its table has {len(self.table)} codes, the input {source.levels} values")
        if self.table.min() < self.low or self.table.max() > self.high:
            self.refuse(f"its table has codes outside of {self.low} to {self.high}")
        if np.any((self.table - self.low) % self.step):
            self.refuse(f"its table has codes between those that {self.step} apart give")
        return Edge(source.shape, self.low, self.high, self.step)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        return self.table.astype(np.int64)[inputs[0] - self.first]

    def is_identity(self, source: Edge) -> bool:
        """Whether every value of the input is its own code."""
        return self.edge([source]) == source and self.slope_and_offset == (1, 0)

    @property
    def used_codes(self) -> int:
        """How many different codes the table has."""
        return len(np.unique(self.table))

    @property
    def slope_and_offset(self) -> tuple[int, int] | None:
        """(a, b) with code = a * value + b for every value, None where the table is not affine."""
        first, last = int(self.table[0]), int(self.table[-1])
        slope = (last - first) // max(len(self.table) - 1, 1)
        offset = first - slope * self.first
        values = np.arange(len(self.table)) + self.first
        return (slope, offset) if np.array_equal(slope * values + offset, self.table) else None
