"""What Conv, Depthwise and Dense share: integer weights, and how far a sum can reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flow.network.edge import Edge

Weights = NDArray[np.int8] | NDArray[np.int32]
MOST_WEIGHT_BITS = 16


def stored_weights(values: NDArray[np.generic]) -> Weights:
    """Return integer `values` as int8 where they fit, else as int32; ValueError beyond that."""
    wide = np.asarray(values).astype(np.int64)
    if np.array_equal(wide, wide.astype(np.int8)):
        return wide.astype(np.int8)
    if np.array_equal(wide, wide.astype(np.int32)):
        return wide.astype(np.int32)
    raise ValueError("weights need more than 32 bits")


def weight_bits(weights: Weights) -> int:
    """Return the bits of a weight: 1 where all are -1 or +1, else two's complement, 2 at least."""
    if np.all(np.abs(weights) == 1):
        return 1
    peak = max(int(weights.max()), -int(weights.min()) - 1, 1)
    return peak.bit_length() + 1


def reach(weights: Weights, source: Edge, pad_value: int | None) -> tuple[int, int]:
    """Return the least and the greatest sum of any output, for any input of the edge `source`.

    weights: (outputs, ...), all that is summed for an output behind the first axis. pad_value: a
    further value that an input can have, None where nothing is padded.
    """
    rows = weights.reshape(len(weights), -1).astype(np.int64)
    values = [source.low, source.high] + ([] if pad_value is None else [pad_value])
    low, high = min(values), max(values)
    positive = np.maximum(rows, 0).sum(axis=1)
    negative = np.minimum(rows, 0).sum(axis=1)
    least = positive * low + negative * high
    greatest = positive * high + negative * low
    return int(least.min()), int(greatest.max())
