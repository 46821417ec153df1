"""What the memories of `bnn_mvu` hold: weights and thresholds, packed and unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driver.packing import pack_words, unpack_words
from flow.hardware.kernels.kernel import Integers, Rows
from flow.hardware.reference import fold_weights

if TYPE_CHECKING:
    from flow.hardware.kernels.matrix_vector import MatrixVector


def weight_rows(kernel: MatrixVector, weights: Integers) -> Rows:
    """Pack weights (MH, MW) into one row for each word that the kernel reads."""
    folded = fold_weights(weights, kernel.pe, kernel.simd)  # (NF * SF, PE * SIMD)
    one_bit = kernel.weight_bits == 1
    codes = (folded > 0).astype(np.int64) if one_bit else folded & ((1 << kernel.weight_bits) - 1)
    return pack_words(codes, kernel.weight_bits)


def weights(kernel: MatrixVector, rows: Rows) -> Integers:
    """Return weights (MH, MW): word nf * SF + sf holds row nf * PE + p, column sf * SIMD + s."""
    lanes, bits = kernel.pe * kernel.simd, kernel.weight_bits
    words = unpack_words(rows, lanes, bits, signed=bits > 1).astype(np.int64)
    words = 2 * words - 1 if bits == 1 else words
    folded: Integers = words.reshape(kernel.nf, kernel.sf, kernel.pe, kernel.simd)
    return folded.transpose(0, 2, 1, 3).reshape(kernel.mh, kernel.mw)


def threshold_rows(kernel: MatrixVector, thresholds: Integers) -> Rows:
    """Pack thresholds (MH, steps) on the sums: NF rows, or as many times more as there are chunks.

    The low bits of a row's thresholds come first.
    """
    lanes, chunks = kernel.pe * kernel.steps, kernel.thresh_chunks
    width = -(-kernel.thresh_bits // chunks)
    stored = stored_thresholds(kernel, thresholds)
    codes = stored.reshape(-1, 1, lanes) & ((1 << kernel.thresh_bits) - 1)
    parts = codes >> (width * np.arange(chunks))[:, None] & ((1 << width) - 1)
    return pack_words(parts.reshape(-1, lanes), width)


def thresholds(kernel: MatrixVector, rows: Rows) -> Integers:
    """Return stored thresholds (MH, steps) from rows; chunks lie in rows, low bits first."""
    lanes, chunks = kernel.pe * kernel.steps, kernel.thresh_chunks
    width = -(-kernel.thresh_bits // chunks)
    parts = unpack_words(rows, lanes, width, signed=False).astype(np.int64)
    parts = parts.reshape(kernel.nf, chunks, lanes) << (width * np.arange(chunks))[:, None]
    values: Integers = parts.sum(axis=1).reshape(kernel.mh, kernel.steps)
    if kernel.compares_counts:
        return values
    negative = values >> (kernel.thresh_bits - 1) == 1
    signed: Integers = np.where(negative, values - (1 << kernel.thresh_bits), values)
    return signed


def stored_thresholds(kernel: MatrixVector, thresholds: Integers) -> Integers:
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
