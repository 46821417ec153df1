"""What each hardware kernel computes, in NumPy: the reference of testbenches and simulations.

Tensors are integers, NHWC. Results are int64 and exact; no function here is an approximation.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Integers = NDArray[Any]
_EXACT_FLOAT32, _EXACT_FLOAT64 = 2**24, 2**53


class Steps(Protocol):
    """A quantiser as steps: int (C, n) where `rising`, bool (C,), says the way; its codes."""

    @property
    def steps(self) -> Integers:
        """Return int (C, n)."""

    @property
    def rising(self) -> NDArray[np.bool_]:
        """Return bool (C,): the way the codes go."""

    @property
    def low(self) -> int:
        """Return the lowest code."""

    @property
    def step(self) -> int:
        """Return the distance of two codes."""


def sliding_window(
    x: Integers,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    pad: tuple[int, int, int, int] = (0, 0, 0, 0),
    pad_value: int = 0,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the windows of x (N, H, W, C) as rows in the order kernel row, column, channel.

    pad: (top, left, bottom, right), as in ONNX. Returns patches int64 (N, OH, OW, KH * KW * C) and
    a mask of the same shape that marks the padding. ValueError if no window fits.
    """
    values = _integers(x, "sliding_window", 4)
    top, left, bottom, right = pad
    if min(pad) < 0 or min(kernel) < 1 or min(stride) < 1:
        raise ValueError(f"sliding_window: kernel {kernel}, stride {stride}, pad {pad}")
    widths = ((0, 0), (top, bottom), (left, right), (0, 0))
    height, width = values.shape[1] + top + bottom, values.shape[2] + left + right
    if kernel[0] > height or kernel[1] > width:
        raise ValueError(f"sliding_window: kernel {kernel} is larger than {height} x {width}")
    padded = np.pad(values, widths, constant_values=pad_value)
    mask = np.pad(np.zeros(values.shape, bool), widths, constant_values=True)
    return _patches(padded, kernel, stride), _patches(mask, kernel, stride)


def _patches(x: NDArray[Any], kernel: tuple[int, int], stride: tuple[int, int]) -> NDArray[Any]:
    windows = sliding_window_view(x, kernel, axis=(1, 2))  # (N, H', W', C, KH, KW)
    windows = windows[:, :: stride[0], :: stride[1]].transpose(0, 1, 2, 4, 5, 3)
    return np.ascontiguousarray(windows).reshape(*windows.shape[:3], -1)


def mvu(
    patches: Integers, weights: Integers, pad_mask: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Multiply patches (..., MW) by the rows of weights (MH, MW): accumulators (..., MH).

    pad_mask: as from `sliding_window`; marked elements add nothing whatever their value. Runs in
    float BLAS where that is exact, else in int64.
    """
    data, matrix = _integers(patches, "mvu"), _integers(weights, "mvu", 2)
    if data.shape[-1] != matrix.shape[1]:
        raise ValueError(f"mvu: vectors of {data.shape[-1]}, weights {matrix.shape} (MH, MW)")
    if pad_mask is not None:
        data = np.where(pad_mask, 0, data)
    if data.size == 0:
        return np.zeros((*data.shape[:-1], matrix.shape[0]), np.int64)
    peak = max(abs(int(data.min())), abs(int(data.max())))
    bound = peak * int(np.abs(matrix).sum(axis=1).max())
    if bound < _EXACT_FLOAT32:
        return (data.astype(np.float32) @ matrix.astype(np.float32).T).astype(np.int64)
    if bound < _EXACT_FLOAT64:
        return (data.astype(np.float64) @ matrix.astype(np.float64).T).astype(np.int64)
    return data @ matrix.T


def mvu_xnor(
    bits: Integers, weight_bits: Integers, pad_mask: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Compute what `mvu` does in the hardware's own terms: dot = 2 P - lanes.

    bits (..., MW) and weight_bits (MH, MW) are 0 or 1; P counts equal bits among the lanes that
    `pad_mask` (..., MW) does not mark, and lanes counts those.
    """
    data, matrix = _integers(bits, "mvu_xnor"), _integers(weight_bits, "mvu_xnor", 2)
    used = np.ones(data.shape, bool) if pad_mask is None else ~pad_mask
    both_one = np.where(used, data, 0) @ matrix.T
    both_zero = np.where(used, 1 - data, 0) @ (1 - matrix).T
    lanes = used.sum(axis=-1, dtype=np.int64)[..., None]
    dots: NDArray[np.int64] = 2 * (both_one + both_zero) - lanes
    return dots


def multi_threshold(accumulators: Integers, thresholds: Integers) -> NDArray[np.int64]:
    """Count per element of (..., C) the thresholds (C, n) that it reaches; a tie is reached."""
    values = _integers(accumulators, "multi_threshold")
    limits = _integers(thresholds, "multi_threshold", 2)
    count = np.zeros(values.shape, np.int64)
    for k in range(limits.shape[1]):
        count += values >= limits[:, k]
    return count


def pool(
    x: Integers,
    kernel: tuple[int, int],
    stride: tuple[int, int] | None = None,
    pad: tuple[int, int, int, int] = (0, 0, 0, 0),
    *,
    total: bool = False,
) -> NDArray[np.int64]:
    """Return the maximum, or the sum if `total`, of each window of x (N, H, W, C): (N, OH, OW, C).

    stride: the kernel where it is left out. pad: (top, left, bottom, right); it adds 0 and takes no
    part in a maximum. Rows and columns that fill no window are dropped. ValueError if none fits.
    """
    values = _integers(x, "pool", 4)
    below = 0 if total else int(values.min(initial=0)) - 1
    patches, _ = sliding_window(values, kernel, stride or kernel, pad, below)
    windows = patches.reshape(*patches.shape[:3], -1, values.shape[3])
    result: NDArray[np.int64] = windows.sum(axis=3) if total else windows.max(axis=3)
    return result


def label_select(scores: Integers) -> NDArray[np.int64]:
    """Return the index of the greatest score of (..., classes); a tie goes to the lower index."""
    labels: NDArray[np.int64] = np.argmax(_integers(scores, "label_select"), axis=-1)
    return labels


def fold_words(tensor: Integers, lanes: int, elem_bits: int) -> NDArray[np.int64]:
    """Cut a tensor, fastest axis last, into the words of a stream: int64 (beats, lanes).

    ValueError if `lanes` does not divide the last axis or a value does not fit `elem_bits`.
    """
    values = _integers(tensor, "fold_words")
    if lanes < 1 or values.shape[-1] % lanes:
        raise ValueError(f"fold_words: {lanes} lanes do not divide the axis of {values.shape[-1]}")
    low, high = -(1 << (elem_bits - 1)), (1 << elem_bits) - 1
    if values.size and not (low <= values.min() and values.max() <= high):
        raise ValueError(
            f"fold_words: values from {values.min()} to {values.max()} do not fit {elem_bits} bits"
        )
    return np.ascontiguousarray(values).reshape(-1, lanes)


def fold_weights(weights: Integers, pe: int, simd: int) -> NDArray[np.int64]:
    """Cut weights (MH, MW) into memory words: int64 (NF * SF, PE * SIMD).

    Word nf * SF + sf holds row nf * PE + p, column sf * SIMD + s at element p * SIMD + s.
    """
    matrix = _integers(weights, "fold_weights", 2)
    rows, columns = matrix.shape
    if pe < 1 or simd < 1 or rows % pe or columns % simd:
        raise ValueError(f"fold_weights: PE={pe}, SIMD={simd} do not divide {matrix.shape}")
    folded = matrix.reshape(rows // pe, pe, columns // simd, simd).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(folded).reshape(-1, pe * simd)


def _integers(values: Integers, where: str, rank: int | None = None) -> NDArray[np.int64]:
    """Return int64; ValueError for a fraction or another number of axes."""
    array = np.asarray(values)
    if rank is not None and array.ndim != rank:
        raise ValueError(f"{where}: shape {array.shape} does not have {rank} axes")
    result = array.astype(np.int64)
    if array.dtype.kind == "f" and not np.array_equal(result, array):
        raise ValueError(f"{where}: values are not integers")
    return result
