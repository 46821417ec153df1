"""MaxPool and SumPool: one value for each window of a map, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from flow.network.edge import Edge
from flow.network.node import Integers, Node, Window


@dataclass(frozen=True, eq=False)
class MaxPool(Node):
    """The greatest value of each window, or the smallest in the channels where `minimum`.

    minimum: bool (channels,). A maximum of x in front of a function that falls is the minimum
    behind it: max(-x) is not -max(x). Padding takes no part, as in ONNX.

    Refused: another number of channels than the input has; a window that sees padding alone.
    """

    window: Window
    minimum: NDArray[np.bool_]
    kind: ClassVar[str] = "MaxPool"

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        source = self.one(inputs)
        if self.minimum.shape != (source.shape[2],):
            self.refuse(f"it is made for {len(self.minimum)} channels, not {source.shape[2]}")
        pad, size = self.window.pad, self.window.size
        if any(pad[k] >= size[k % 2] for k in range(4)):
            self.refuse(f"its padding {pad} is not smaller than its window {size}")
        try:
            height, width = self.window.out_size(source.shape)
        except ValueError as error:
            self.refuse(str(error))
        return Edge((height, width, source.shape[2]), source.low, source.high, source.step)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        turned = np.where(self.minimum, -inputs[0], inputs[0])
        below = int(turned.min()) - 1  # padding never wins
        greatest = self.window.patches(turned, below).max(axis=(3, 4))
        pooled: Integers = np.where(self.minimum, -greatest, greatest)
        return pooled


@dataclass(frozen=True, eq=False)
class SumPool(Node):
    """The sum of each window: an average whose division is in what stands behind it.

    Padding adds 0.
    """

    window: Window
    kind: ClassVar[str] = "SumPool"

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        source = self.one(inputs)
        try:
            height, width = self.window.out_size(source.shape)
        except ValueError as error:
            self.refuse(str(error))
        count = self.window.size[0] * self.window.size[1]
        low, high = source.low, source.high
        if self.window.padded:
            low, high = min(low, 0), max(high, 0)
        return Edge((height, width, source.shape[2]), count * low, count * high)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        sums: Integers = self.window.patches(inputs[0], 0).sum(axis=(3, 4))
        return sums
