"""Threshold: a monotone function of an integer, as the places where it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from flow.network.edge import Edge
from flow.network.node import Integers, Node

MOST_STEPS = 255


@dataclass(frozen=True, eq=False)
class Threshold(Node):
    """Integer to code, channel by channel; BatchNormalization, activation and quantiser in one.

    steps: int64 (channels, steps), ascending in each row. A rising channel gives
    low + step * (number of steps <= value), a falling one low + step * (number of steps >= value).
    A step that is never taken lies outside of the input's range (its high + 1; its low - 1 where
    falling), one that is always taken at its border (its low; its high where falling), so that a
    constant channel needs no case of its own.
    falling: bool (channels,). low: the lowest code. step: between neighbouring codes, 2 for -1, +1.

    Refused: another number of channels than the input has, steps that do not ascend, more than 255.
    """

    steps: NDArray[np.int64]
    falling: NDArray[np.bool_]
    low: int
    step: int = 1
    kind: ClassVar[str] = "Threshold"

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        source = self.one(inputs)
        channels, count = self.steps.shape
        if channels != source.shape[2] or self.falling.shape != (channels,):
            self.refuse(f"it has steps for {channels} channels, its input {source.shape[2]}")
        if not 1 <= count <= MOST_STEPS:
            self.refuse(f"it has {count} steps a channel; 1 to {MOST_STEPS}, 8 bits, are possible")
        if np.any(np.diff(self.steps, axis=1) < 0):
            self.refuse("its steps do not ascend")
        return Edge(source.shape, self.low, self.low + self.step * count, self.step)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        values = inputs[0]
        codes = np.empty_like(values)
        for channel, (steps, falls) in enumerate(zip(self.steps, self.falling, strict=True)):
            taken = values[..., channel]
            if falls:
                count = len(steps) - np.searchsorted(steps, taken, side="left")
            else:
                count = np.searchsorted(steps, taken, side="right")
            codes[..., channel] = self.low + self.step * count
        return codes

    def is_identity(self, source: Edge) -> bool:
        """Whether every value of `source` is given on as it is."""
        codes = (self.low, self.step, self.steps.shape[1] + 1)
        if codes != (source.low, source.step, source.levels):
            return False
        values = np.arange(source.low, source.high + 1, source.step)
        frames = np.broadcast_to(values[:, None, None, None], (len(values), 1, 1, len(self.steps)))
        return bool(np.array_equal(self.compute([frames]), frames))
