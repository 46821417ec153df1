"""Numbers that a file can be fed: what integers of an input stand for, and random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from driver.inputs import InputRule

_STEP_SHARE = 3.0  # an open end reaches so many mean steps beyond the last one


def real_values(rule: InputRule, images: NDArray[Any]) -> NDArray[np.float32]:
    """Return float32 frames (N, H, W, C) that the file may be fed to get these integers.

    Of pixels and integers these are the file's own; a code stands for the middle of its values.
    """
    if rule.kind != "codes":
        return rule.real_pixels(images)
    low, high = _intervals(rule)
    return _between(rule, images, low, high, np.float64(0.5))


def random_inputs(
    rule: InputRule, count: int, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return `count` random inputs: integers (N, H, W, C) and the float32 values they stand for.

    Every integer that can occur is drawn alike; a code's value lies anywhere between its steps.
    """
    shape = (count, *rule.shape)
    if rule.kind != "codes":
        integers = rng.integers(rule.low, rule.high + 1, shape).astype(rule.dtype)
        return integers, real_values(rule, integers)
    low, high = _intervals(rule)
    found = np.empty(shape, rule.dtype)
    for channel in range(rule.shape[2]):
        row = channel if len(low) > 1 else 0
        codes = np.flatnonzero(low[row] < high[row]) + rule.low
        found[..., channel] = rng.choice(codes, shape[:-1])
    values = _between(rule, found, low, high, rng.random(shape))
    return rule.encode(values), values


def _between(
    rule: InputRule,
    integers: NDArray[Any],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    share: NDArray[np.float64] | np.float64,
) -> NDArray[np.float32]:
    """Return values of these codes, at `share` of the way from their lowest to their highest."""
    rows = np.arange(rule.shape[2]) % len(low) if len(low) > 1 else np.zeros(rule.shape[2], int)
    at = integers.astype(np.int64) - rule.low
    first, last = low[rows, at], high[rows, at]
    assert rule.falling is not None  # noqa: S101 - the rule has steps
    values = np.clip(first + share * (last - first), first, last).astype(np.float32)
    return np.where(rule.falling[rows], -values, values)


def _intervals(rule: InputRule) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest value of each code, (rows, codes), in rising order.

    A code that no value has: the lowest is not below the highest.
    """
    assert rule.steps is not None  # noqa: S101 - the rule has steps
    lows, highs = [], []
    for steps in rule.steps:
        inner = steps[np.isfinite(steps) & (np.abs(steps) < np.finfo(np.float32).max)]
        mean = np.ptp(inner.astype(np.float64)) / max(len(inner) - 1, 1) if len(inner) else 1.0
        reach = _STEP_SHARE * (mean or max(abs(float(inner[0])), 1.0))
        ends = inner if len(inner) else np.zeros(1, np.float32)
        first, last = np.float32(ends[0] - reach), np.float32(ends[-1] + reach)
        bounded = np.clip(steps, first, last)
        lows.append(np.concatenate([[first], bounded]))
        below = np.where(steps > last, last, np.nextafter(bounded, np.float32(-np.inf)))
        highs.append(np.concatenate([below, [last]]))
    return np.array(lows, np.float64), np.array(highs, np.float64)
