"""Where a monotone function of integers changes: bisection, for every channel at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flow.network.edge import Edge

ChannelFunction = Callable[[NDArray[np.int64]], NDArray[Any]]
"""Integers (rows, channels) to codes of the same shape, each channel a function of its own."""


@dataclass(frozen=True, eq=False)
class ChannelSteps:
    """A monotone function as the places where it changes, in the terms of `flow.network.Threshold`.

    steps: int64 (channels, steps), ascending. falling: bool (channels,).
    """

    steps: NDArray[np.int64]
    falling: NDArray[np.bool_]


def find_steps(
    function: ChannelFunction, source: Edge, low: int, high: int, step: int
) -> ChannelSteps:
    """Find by bisection where a monotone `function` of the integers of `source` changes its code.

    low, high, step: of the codes it gives. No formula is solved: the function itself is evaluated,
    some thirty times at most, whatever the range.
    """
    count = (high - low) // step
    ends = np.array([source.low, source.high], np.int64)
    first, last = function(np.repeat(ends[:, None], source.shape[2], axis=1))
    falling = last < first
    wanted = low + step * np.arange(1, count + 1)[:, None]  # codes to be reached
    # Positions on the edge's own grid, counted from the end where the code is lowest.
    reached = np.full((count, source.shape[2]), source.levels, np.int64)
    missed = np.full_like(reached, -1)
    while np.any(reached - missed > 1):
        middle = (reached + missed) // 2
        clipped = np.clip(middle, 0, source.levels - 1)
        values = np.where(
            falling, source.high - source.step * clipped, source.low + source.step * clipped
        )
        enough, is_open = function(values) >= wanted, reached - missed > 1
        reached = np.where(is_open & enough, middle, reached)
        missed = np.where(is_open & ~enough, middle, missed)
    never = reached == source.levels
    rising_steps = np.where(never, source.high + 1, source.low + source.step * reached)
    falling_steps = np.where(never, source.low - 1, source.high - source.step * reached)
    steps = np.where(falling, falling_steps[::-1], rising_steps)
    return ChannelSteps(np.ascontiguousarray(steps.T), falling)
