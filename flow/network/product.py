"""What Conv, Depthwise and Dense share: integer weights, and how far a sum can reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flow.network.edge import Edge
from flow.network.node import Node, Window

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


def convolved(
    node: Node, source: Edge, weights: Weights, window: Window, pad_value: int, outputs: int
) -> Edge:
    """Return the edge of a convolution over the edge `source`, dense or depthwise.

    UserError naming the node where the window is not the weights' or does not fit, or where it pads
    with a value that is neither 0 nor one that the input can have.
    """
    kernel = (int(weights.shape[1]), int(weights.shape[2]))
    if kernel != window.size:
        node.refuse(f"its weights are {kernel[0]}x{kernel[1]}, its window {window.size}")
    fits = source.low <= pad_value <= source.high
    if pad_value and (not fits or (pad_value - source.low) % source.step):
        node.refuse(f"it pads with {pad_value}, the input has {source.describe()}")
    try:
        height, width = window.out_size(source.shape)
    except ValueError as error:
        node.refuse(str(error))
    low, high = reach(weights, source, pad_value if window.padded else None)
    return Edge((height, width, outputs), low, high)
