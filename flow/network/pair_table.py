"""PairTable: a function of two branches that is none of any sum of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from flow.network.edge import Edge
from flow.network.node import Integers, Node

MOST_ENTRIES = 4096


@dataclass(frozen=True, eq=False)
class PairTable(Node):
    """table[place of a among its codes, place of b among its codes], the same in every channel.

    table: int32 (levels of a, levels of b). first, distance: lowest code of both branches, and the
    distance between their codes. low, high, step: of the codes it gives.

    Refused: branches of other levels or different shapes; more than 4,096 entries.
    """

    table: NDArray[np.int32]
    first: tuple[int, int]
    distance: tuple[int, int]
    low: int
    high: int
    step: int = 1
    kind: ClassVar[str] = "PairTable"

    def constants(self) -> Integers:
        """Return both lowest codes, both distances, the entries of a row, and the table."""
        head = [*self.first, *self.distance, self.table.shape[1]]
        return np.concatenate([head, self.table.reshape(-1)]).astype(np.int64)

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        if len(inputs) != 2 or inputs[0].shape != inputs[1].shape:
            self.refuse("it needs two branches of one shape")
        if self.table.size > MOST_ENTRIES:
            self.refuse(f"its table has {self.table.size} entries; up to {MOST_ENTRIES} are kept")
        expected = [(each.low, each.step, each.levels) for each in inputs]
        mine = list(zip(self.first, self.distance, self.table.shape, strict=True))
        if expected != mine:
            self.refuse(f"it is made for codes {mine}, its branches have {expected}")
        return Edge(inputs[0].shape, self.low, self.high, self.step)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        places = [
            (values - first) // distance
            for values, first, distance in zip(inputs, self.first, self.distance, strict=True)
        ]
        codes: Integers = self.table.astype(np.int64)[places[0], places[1]]
        return codes
