"""Dense: a fully connected layer over a whole frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flow.network.conv import exact_product
from flow.network.edge import Edge
from flow.network.node import Integers, Node
from flow.network.product import Weights, reach


@dataclass(frozen=True, eq=False)
class Dense(Node):
    """sum over all values of a frame of weight * input; no bias, no scale.

    weights: int8 or int32, (outputs, H * W * C), columns in the order of the frame: row, column,
    channel. A flatten in front of it is no node; where the file flattens channels first, the
    columns have been sorted.

    Refused: a number of columns that is not the frame's.
    """

    weights: Weights
    kind: ClassVar[str] = "Dense"

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        source = self.one(inputs)
        outputs, columns = self.weights.shape
        if columns != source.elements:
            self.refuse(f"it has {columns} weights an output, a frame {source.elements} values")
        low, high = reach(self.weights, source, None)
        return Edge((1, 1, outputs), low, high)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        rows = inputs[0].reshape(len(inputs[0]), 1, 1, -1)
        return exact_product(rows, self.weights.astype(np.int64))

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates of a frame."""
        return int(self.weights.size)
