"""NumPy golden models of the kernels' streams: what must come out, beat by beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from harness import Case, Image, pack


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

    @property
    def groups(self) -> int:
        """Beats per pixel."""
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
        return self.height * self.width * self.groups

    @property
    def words_out(self) -> int:
        """Beats of one frame out."""
        rows, columns = self.out_shape
        return rows * columns * self.kernel[0] * self.kernel[1] * self.groups

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
                area = np.s_[frame, at[0] : at[0] + window.kernel[0], at[1] : at[1] + window.kernel[1]]
                beats.append(padded[area].reshape(-1, window.channels))
                flags.append(outside[area].reshape(-1))
    return np.concatenate(beats), np.concatenate(flags)


def window_case(
    window: Window, rng: np.random.Generator, frames: int, fast_frames: int, warm_frames: int
) -> Case:
    """Draw maps for `window`; an expected beat is {pad flag, data}."""
    shape = (frames, window.height, window.width, window.channels)
    maps = rng.integers(0, 1 << window.elem_bits, shape)
    beats, flags = slide(window, maps)
    width = window.simd * window.elem_bits
    outs = pack(beats.reshape(-1, window.simd), window.elem_bits)
    flagged = np.repeat(flags, window.groups)
    return Case(
        window.parameters(),
        pack(maps.reshape(-1, window.simd), window.elem_bits),
        [word | (int(flag) << width) for word, flag in zip(outs, flagged, strict=True)],
        frames=frames,
        fast_frames=fast_frames,
        warm_frames=warm_frames,
        cycles_per_frame=max(window.words_in, window.words_out),
    )
