"""NumPy golden models of the kernels' streams: what must come out, beat by beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from harness import Case, Image, pack


def side_by_side(elements: np.ndarray, pixels: int, lanes: int) -> np.ndarray:
    """Reorder shape (vectors, elements a vector) into beats, shape (beats, pixels * lanes).

    For each group of `pixels` vectors, each chunk of `lanes` elements: that chunk of all of them.
    """
    groups = elements.reshape(-1, pixels, elements.shape[1] // lanes, lanes)
    return groups.transpose(0, 2, 1, 3).reshape(-1, pixels * lanes)


@dataclass(frozen=True)
class Window:
    """Geometry of a sliding window; the names are bnn_sliding_window's parameters."""

    height: int
    width: int
    channels: int
    simd: int
    elem_bits: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int, int, int]  # top, bottom, left, right
    pad_elem: int = 0
    pixels: tuple[int, int] = (1, 1)  # in a beat in, in a beat out

    @property
    def groups(self) -> int:
        """Beats per group of pixels."""
        return self.channels // self.simd

    @property
    def out_shape(self) -> tuple[int, int]:
        """Height and width of the output map."""
        top, bottom, left, right = self.pad
        return (
            (self.height + top + bottom - self.kernel[0]) // self.stride[0] + 1,
            (self.width + left + right - self.kernel[1]) // self.stride[1] + 1,
        )

    @property
    def words_in(self) -> int:
        """Beats of one frame in."""
        return self.height * self.width * self.groups // self.pixels[0]

    @property
    def words_out(self) -> int:
        """Beats of one frame out."""
        rows, columns = self.out_shape
        return rows * columns * self.kernel[0] * self.kernel[1] * self.groups // self.pixels[1]

    def parameters(self) -> dict[str, int | str | Image]:
        """Parameters of bnn_sliding_window."""
        top, bottom, left, right = self.pad
        return {
            "IfmHeight": self.height,
            "IfmWidth": self.width,
            "Channels": self.channels,
            "Simd": self.simd,
            "ElemBits": self.elem_bits,
            "KernelH": self.kernel[0],
            "KernelW": self.kernel[1],
            "StrideH": self.stride[0],
            "StrideW": self.stride[1],
            "PadTop": top,
            "PadBottom": bottom,
            "PadLeft": left,
            "PadRight": right,
            "PixelsIn": self.pixels[0],
            "PixelsOut": self.pixels[1],
            "PadElem": self.pad_elem,
        }


def slide(window: Window, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return windows and padding flags of `maps`, shape (frames, height, width, channels).

    Windows have shape (frames * out pixels * kernel pixels, channels), flags the same without
    channels.
    """
    top, bottom, left, right = window.pad
    margins = ((0, 0), (top, bottom), (left, right), (0, 0))
    padded = np.pad(maps, margins, constant_values=window.pad_elem)
    outside = np.pad(np.zeros_like(maps[..., :1]), margins, constant_values=1)
    rows, columns = window.out_shape
    beats, flags = [], []
    for frame in range(len(maps)):
        for row in range(rows):
            for column in range(columns):
                at = (row * window.stride[0], column * window.stride[1])
                area = np.s_[
                    frame, at[0] : at[0] + window.kernel[0], at[1] : at[1] + window.kernel[1]
                ]
                beats.append(padded[area].reshape(-1, window.channels))
                flags.append(outside[area].reshape(-1))
    return np.concatenate(beats), np.concatenate(flags)


def window_case(
    window: Window, rng: np.random.Generator, frames: int, fast_frames: int, warm_frames: int
) -> Case:
    """Draw maps for `window`; an expected beat is {pad flags, data}."""
    shape = (frames, window.height, window.width, window.channels)
    maps = rng.integers(0, 1 << window.elem_bits, shape)
    beats, flags = slide(window, maps)
    width = window.pixels[1] * window.simd * window.elem_bits
    pixels_in, pixels_out = window.pixels
    area = window.kernel[0] * window.kernel[1]
    outs = pack(
        side_by_side(beats.reshape(-1, area * window.channels), pixels_out, window.simd),
        window.elem_bits,
    )
    per_beat = np.repeat(flags.reshape(-1, area), window.groups, axis=1)
    flagged = pack(side_by_side(per_beat, pixels_out, 1), 1)
    return Case(
        window.parameters(),
        pack(
            side_by_side(maps.reshape(-1, window.channels), pixels_in, window.simd),
            window.elem_bits,
        ),
        [word | (flag << width) for word, flag in zip(outs, flagged, strict=True)],
        frames=frames,
        fast_frames=fast_frames,
        warm_frames=warm_frames,
        cycles_per_frame=max(window.words_in, window.words_out),
    )


@dataclass(frozen=True)
class Mvu:
    """Geometry of a matrix-vector unit; the names are bnn_mvu's parameters."""

    mw: int
    mh: int
    pe: int
    simd: int
    in_bits: int = 1
    in_signed: bool = False
    pad_flags: bool = False
    threshold: bool = True
    pixels: int = 1
    chunks: int = 1
    style: str = "auto"
    loadable: bool = False
    weight_bits: int = 1
    steps: int = 1
    code_low: int = 0
    addr_copies: int = 1

    @property
    def counts(self) -> bool:
        """Whether equal bits are counted and compared with one threshold, or go out as sums."""
        return self.in_bits == self.weight_bits == self.steps == 1

    @property
    def code_bits(self) -> int:
        """Bits of a code; one more than the count needs, so that a lowest code shows."""
        return self.steps.bit_length() + 1 if self.steps > 1 else 1

    @property
    def scale(self) -> int:
        """Units of P per lane: 2 when half a flagged beat would not be a whole number."""
        return 2 if self.pad_flags and self.simd % 2 else 1

    @property
    def cycles(self) -> int:
        """Cycles per group of vectors: the initiation interval NF * SF."""
        return (self.mh // self.pe) * (self.mw // self.simd)

    @property
    def acc_bits(self) -> int:
        """Bits of the signed result, two's complement."""
        reach = self.mw * (1 << (self.in_bits if self.in_bits > 1 else 0))
        reach <<= self.weight_bits - 1
        return reach.bit_length() + 1


def weight_words(mvu: Mvu, weights: np.ndarray) -> list[int]:
    """Pack weights (mh, mw) into the ROM: address nf*SF+sf, element pe*SIMD+simd."""
    tiles = weights.reshape(mvu.mh // mvu.pe, mvu.pe, mvu.mw // mvu.simd, mvu.simd)
    return pack(tiles.transpose(0, 2, 1, 3).reshape(-1, mvu.pe * mvu.simd), mvu.weight_bits)


def threshold_words(mvu: Mvu, stored: np.ndarray, bits: int) -> list[int]:
    """Pack thresholds (mh, steps): row nf*chunks+c holds bits [c*W, (c+1)*W) of each."""
    width = -(-bits // mvu.chunks)
    values = (stored.astype(np.int64) & ((1 << bits) - 1)).reshape(-1, 1, mvu.pe * mvu.steps)
    shifts = width * np.arange(mvu.chunks)[None, :, None]
    parts = (values >> shifts) & ((1 << width) - 1)
    return pack(parts.reshape(-1, mvu.pe * mvu.steps), width)


def grouped(values: np.ndarray, pixels: int) -> np.ndarray:
    """Turn (vectors, beats, ...) into (beats of all groups, pixels, ...)."""
    groups = values.reshape(-1, pixels, *values.shape[1:])
    return groups.swapaxes(1, 2).reshape(-1, pixels, *values.shape[2:])


def popcounts(mvu: Mvu, weights: np.ndarray, bits: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Return P in the units of `mvu.scale`, shape (vectors, mh).

    `bits` has shape (vectors, mw), `flags` (vectors, SF): a flagged beat counts half its lanes.
    """
    same = (bits[:, None, :] == weights[None, :, :]).astype(int)
    beats = same.reshape(len(bits), mvu.mh, -1, mvu.simd).sum(axis=3) * mvu.scale
    half = mvu.simd * mvu.scale // 2
    return np.where(flags[:, None, :] != 0, half, beats).sum(axis=2)


def mvu_case(
    mvu: Mvu,
    rng: np.random.Generator,
    frames: int,
    vectors: int,
    fast_frames: int,
    fast_period: int = 1,
) -> Case:
    """Draw weights, thresholds and `frames` frames of `vectors` vectors; a beat is {pad, data}.

    In the fast frames a beat comes every `fast_period` cycles; up to NF the pace must not suffer.
    """
    count = frames * vectors
    beats_per_vector = mvu.mw // mvu.simd
    weights = rng.integers(0, 2, (mvu.mh, mvu.mw))
    if mvu.weight_bits > 1:
        most = 1 << (mvu.weight_bits - 1)
        weights = rng.integers(-most, most, (mvu.mh, mvu.mw))
        weights[0], weights[-1] = -most, most - 1
    flags = np.zeros((count, beats_per_vector), dtype=int)
    data = rng.integers(0, 2, (count, mvu.mw))
    if mvu.pad_flags:
        flags = (rng.random(flags.shape) < 0.3).astype(int)
    if mvu.counts:
        result = popcounts(mvu, weights, data, flags)
        thresh_bits = int(mvu.scale * mvu.mw).bit_length()
        middle = int(mvu.scale * mvu.mw / 2)
        lowest, highest = 0, (1 << thresh_bits) - 1
        accumulators = 2 * result - mvu.mw if mvu.scale == 1 else result - mvu.mw
    else:
        if mvu.in_bits > 1:
            low = -(1 << (mvu.in_bits - 1)) if mvu.in_signed else 0
            data = rng.integers(low, low + (1 << mvu.in_bits), (count, mvu.mw))
            data[0] = low
            data[1] = low + (1 << mvu.in_bits) - 1
        values = data if mvu.in_bits > 1 else 2 * data - 1
        values = np.where(np.repeat(flags, mvu.simd, axis=1) != 0, 0, values)
        factors = weights if mvu.weight_bits > 1 else 2 * weights - 1
        result = accumulators = values @ factors.T
        thresh_bits = mvu.acc_bits
        middle = int(np.median(result))
        lowest, highest = -(1 << (thresh_bits - 1)), (1 << (thresh_bits - 1)) - 1
    # Thresholds near the values they judge, one equal to a value, and both extremes.
    spread = max(1, int(result.std()))
    thresholds = rng.integers(middle - spread, middle + spread + 1, (mvu.mh, mvu.steps))
    thresholds[:, 0] = result[rng.integers(0, len(result), mvu.mh), np.arange(mvu.mh)]  # reached
    thresholds = np.clip(thresholds, lowest, highest)
    thresholds.sort(axis=1)
    thresholds[0, 0] = lowest
    thresholds[-1, -1] = highest
    outs, out_bits = accumulators, mvu.acc_bits
    if mvu.threshold:
        low = mvu.code_low if mvu.steps > 1 else 0
        outs, out_bits = low + (result[:, :, None] >= thresholds).sum(axis=2), mvu.code_bits
    beats = grouped(data.reshape(count, beats_per_vector, mvu.simd), mvu.pixels)
    words = pack(beats.reshape(len(beats), -1), mvu.in_bits)
    results = grouped(outs.reshape(count, -1, mvu.pe), mvu.pixels)
    # Flags mean nothing without PadFlags: draw them then, to see them ignored.
    shown = flags if mvu.pad_flags else rng.integers(0, 2, flags.shape)
    flag_words = pack(grouped(shown, mvu.pixels), 1)
    width = mvu.pixels * mvu.simd * mvu.in_bits
    return Case(
        {
            "MW": mvu.mw,
            "MH": mvu.mh,
            "PE": mvu.pe,
            "SIMD": mvu.simd,
            "InBits": mvu.in_bits,
            "InSigned": int(mvu.in_signed),
            "WeightBits": mvu.weight_bits,
            "PadFlags": int(mvu.pad_flags),
            "Pixels": mvu.pixels,
            "Steps": mvu.steps if mvu.threshold else 0,
            "CodeBits": mvu.code_bits,
            "CodeLow": mvu.code_low & ((1 << mvu.code_bits) - 1),
            "AccBits": mvu.acc_bits,
            "ThreshBits": thresh_bits,
            "ThreshChunks": mvu.chunks,
            "WeightStyle": mvu.style,
            "ReadLatency": 2 if mvu.style in ("block", "ultra") else 1,
            "Loadable": int(mvu.loadable),
            "AddrCopies": mvu.addr_copies,
            "FastPeriod": fast_period,
            "WeightFile": Image(weight_words(mvu, weights)),
            "ThreshFile": Image(threshold_words(mvu, thresholds, thresh_bits)),
        },
        [word | (flag << width) for word, flag in zip(words, flag_words, strict=True)],
        pack(results.reshape(len(results), -1), out_bits),
        frames=frames,
        fast_frames=fast_frames,
        cycles_per_frame=vectors // mvu.pixels * mvu.cycles,
    )
