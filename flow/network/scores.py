"""Scores: what becomes of the last integers, on the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from flow.network.edge import Edge
from flow.network.node import Integers, Node


@dataclass(frozen=True, eq=False)
class Scores(Node):
    """The end of the network: integer scores, and what they stand for.

    The accelerator hands out its input, `compute` hands it on as it is. The network's own output is
    score * scale + offset, one of each for every class, as `driver.scores.ScoreMap` computes it.

    scale, offset: float64 (classes,).
    Refused: one score a class is expected, a map of 1 x 1.
    """

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    kind: ClassVar[str] = "Scores"

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        source = self.one(inputs)
        if source.shape[:2] != (1, 1):
            self.refuse(f"it is given {source.describe()}; one score for each class is expected")
        if self.scale.shape != (source.shape[2],) or self.offset.shape != self.scale.shape:
            self.refuse(f"it has {len(self.scale)} scales for {source.shape[2]} classes")
        return source

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        return inputs[0]
