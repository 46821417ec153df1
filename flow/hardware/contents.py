"""What the memories of kernels hold: tables, weights and thresholds as rows of bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driver.packing import pack_words
from flow.hardware.kernel import Kernel
from flow.hardware.kernels import InputTable
from flow.hardware.matrix_vector import MatrixVector
from flow.hardware.plan import InputLayer, Plan, ProductLayer
from flow.hardware.reference import fold_weights

Rows = NDArray[np.uint8]
"""uint8 (depth, ceil(width_bits / 8)), little-endian."""


def memory_rows(kernel: Kernel, layer: InputLayer | ProductLayer, plan: Plan) -> dict[str, Rows]:
    """Return the contents of a kernel's memories by the parameter that names their file."""
    if isinstance(kernel, InputTable) and isinstance(layer, InputLayer):
        return {"TableFile": _table(kernel, layer, plan)}
    if isinstance(kernel, MatrixVector) and isinstance(layer, ProductLayer):
        found = {"WeightFile": weight_rows(kernel, layer.weights)}
        if layer.thresholds is not None:
            found["ThreshFile"] = threshold_rows(kernel, layer.thresholds)
        return found
    return {}


def _table(kernel: InputTable, layer: InputLayer, plan: Plan) -> Rows:
    """One code for each value that the bits of a pixel can have."""
    words = np.arange(1 << kernel.in_bits)
    source = plan.network.source
    values = np.where(words > source.high, words - len(words), words) if source.signed else words
    at = np.clip(values, source.low, source.high) - layer.codes.first
    codes = layer.codes.table.astype(np.int64)[at]
    codes = (codes > 0).astype(np.int64) if kernel.out_bits == 1 else codes
    return pack_words(codes[:, None], kernel.out_bits)


def weight_rows(kernel: MatrixVector, weights: NDArray[np.int64]) -> Rows:
    """Pack weights (MH, MW) into one row for each word that the kernel reads."""
    folded = fold_weights(weights, kernel.pe, kernel.simd)  # (NF * SF, PE * SIMD)
    one_bit = kernel.weight_bits == 1
    codes = (folded > 0).astype(np.int64) if one_bit else folded & ((1 << kernel.weight_bits) - 1)
    return pack_words(codes, kernel.weight_bits)


def threshold_rows(kernel: MatrixVector, thresholds: NDArray[np.int64]) -> Rows:
    """Pack thresholds (MH, steps) on the sums: NF rows, or as many times more as there are chunks.

    The low bits of a row's thresholds come first.
    """
    lanes, chunks = kernel.pe * kernel.steps, kernel.thresh_chunks
    width = -(-kernel.thresh_bits // chunks)
    stored = stored_thresholds(kernel, thresholds)
    codes = stored.reshape(-1, 1, lanes) & ((1 << kernel.thresh_bits) - 1)
    parts = codes >> (width * np.arange(chunks))[:, None] & ((1 << width) - 1)
    return pack_words(parts.reshape(-1, lanes), width)


def stored_thresholds(kernel: MatrixVector, thresholds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn thresholds on the sums, (MH, steps), into those that the kernel compares with.

    Where one threshold is compared with the count P of equal lanes, the sum is 2P - K, and so
    P >= ceil((threshold + K) / 2). What is beyond every sum becomes "always" or "never".
    """
    values = np.asarray(thresholds).astype(np.int64)
    low, high = kernel.threshold_range
    if kernel.compares_counts:
        doubled = values + kernel.mw
        values = doubled if kernel.count_scale == 2 else -(-doubled // 2)
    return np.clip(values, low, high)
