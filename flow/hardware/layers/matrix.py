"""A matrix-vector layer as geometry: what folding chooses for, and the kernels it then is.

Nothing here knows weights or thresholds, so a network that is only planned can be folded too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from flow.hardware.kernels.follower import Follower
from flow.hardware.kernels.kernel import Kernel
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.kernels.sliding_window import SlidingWindow

INTERNAL_STYLES = ("block", "distributed")
"""Where the weights of a layer can lie: block RAM, or LUTs."""
STYLES = (*INTERNAL_STYLES, "ultra")
"""With UltraRAM, which has no initial contents: weights in it are loaded after reset."""


@dataclass(frozen=True)
class WindowShape:
    """The sliding window in front of a convolution."""

    size: tuple[int, int]
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    """top, left, bottom, right"""
    pad_elem: int = 0
    """What padding carries, as the bits of an element."""


@dataclass(frozen=True)
class MatrixLayer:
    """A matrix-vector layer with what stands around it."""

    name: str
    mw: int
    """Input elements of a vector."""
    mh: int
    """Output channels."""
    vectors: int
    """Vectors of a frame: output pixels of a convolution, 1 for a fully connected layer."""
    simd_divides: int
    """SIMD divides this: a window hands on whole groups of one pixel's channels."""
    in_bits: int = 1
    in_signed: bool = False
    flags: bool = False
    """Whether padding flags go with the input."""
    weight_bits: int = 1
    steps: int = 1
    """Thresholds of a channel; 0 where accumulators go out."""
    code_bits: int = 1
    """Bits of an output element behind thresholds."""
    code_signed: bool = False
    code_low: int = 0
    """The lowest code, as its bits."""
    acc_bits: int = 0
    """Bits that sums need; 0: what they need whatever the weights are."""
    columns: int = 1
    """Columns of the map that goes out; 1 for a fully connected layer."""
    window_behind: bool = False
    """Whether a sliding window reads what comes out, behind the followers."""
    window: WindowShape | None = None
    behind: tuple[Follower[Any], ...] = field(default=())
    """The layers that follow with as many lanes."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a frame."""
        return self.mw * self.mh * self.vectors

    def cycles(self, pe: int, simd: int, pixels: int = 1) -> int:
        """Return the ideal cycles of a frame: a word of weights a cycle, or what follows."""
        own = (self.mh // pe) * (self.mw // simd) * self.vectors // pixels
        return max([own, *(each.ideal_cycles(0, 0) for each in self.followers(pe, pixels))])

    @property
    def loadable(self) -> bool:
        """Whether its weights can be loaded after reset: nothing behind it is made for these."""
        sums_go_on = not self.steps and bool(self.behind)
        return not sums_go_on and all(each.loadable for each in self.behind)

    def unit(
        self, pe: int, simd: int, *, pixels: int = 1, style: str = "auto", loadable: bool = False
    ) -> MatrixVector:
        """Return the product as a kernel; loaded weights may be any, so its sums are widest."""
        return MatrixVector(
            mw=self.mw,
            mh=self.mh,
            pe=pe,
            simd=simd,
            pixels=pixels,
            in_bits=self.in_bits,
            in_signed=self.in_signed,
            weight_bits=self.weight_bits,
            pad_flags=self.flags,
            steps=self.steps,
            code_bits=self.code_bits,
            code_low=self.code_low,
            acc_bits=0 if loadable else self.acc_bits,
            weight_style=style,
            loadable=loadable,
        )

    def window_unit(self, simd: int, pixels_in: int, pixels_out: int) -> SlidingWindow | None:
        """Return the window in front as a kernel."""
        if self.window is None:
            return None
        top, left, bottom, right = self.window.pad
        return SlidingWindow(
            ifm_height=self.window.size[0],
            ifm_width=self.window.size[1],
            channels=self.window.channels,
            simd=simd,
            elem_bits=self.in_bits,
            kernel_h=self.window.kernel[0],
            kernel_w=self.window.kernel[1],
            stride_h=self.window.stride[0],
            stride_w=self.window.stride[1],
            pad_top=top,
            pad_left=left,
            pad_bottom=bottom,
            pad_right=right,
            pixels_in=pixels_in,
            pixels_out=pixels_out,
            pad_elem=self.window.pad_elem,
        )

    def followers(self, pe: int, pixels: int) -> list[Kernel]:
        """Return the layers behind as kernels, for `pixels` pixels a word of the product."""
        found = []
        for follower in self.behind:
            found.append(follower.kernel(self.mh, pe, pixels))
            pixels = follower.pixels_out(pixels)
        return found

    def window_words(self, simd: int) -> int:
        """Return the words of a frame into the window, where each holds one pixel's lanes."""
        if self.window is None:
            return 0
        height, width = self.window.size
        return height * width * self.window.channels // simd

    def pixels_out(self, pixels: int) -> int:
        """Return the pixels of a word behind all; ValueError where a follower cannot take it."""
        for follower in self.behind:
            pixels = follower.pixels_out(pixels)
        return pixels

    def legal_pixels(self) -> list[int]:
        """Return how many pixels the layer can compute at a time, ascending.

        They divide the columns of the map and fit the followers. Only a window hands on several
        pixels, and only one of stride 1; nothing but a window takes several.
        """
        if self.window is None or self.window.stride[1] != 1:
            return [1]
        found = []
        for pixels in range(1, self.columns + 1):
            if self.columns % pixels:
                continue
            try:
                out = self.pixels_out(pixels)
            except ValueError:
                continue
            if out == 1 or self.window_behind:
                found.append(pixels)
        return found


def scaled(layers: list[MatrixLayer], width: float) -> list[MatrixLayer]:
    """Return `layers` with all channel counts but the network's inputs and outputs scaled.

    Channels are rounded to multiples of 8, at least 8.
    """

    def channels(count: int) -> int:
        return max(8, round(count * width / 8) * 8)

    result = []
    for k, layer in enumerate(layers):
        first, last = k == 0, k == len(layers) - 1
        mh = layer.mh if last else channels(layer.mh)
        if first:
            mw, divides, window = layer.mw, layer.simd_divides, layer.window
        else:
            divides = channels(layer.simd_divides)
            mw = layer.mw // layer.simd_divides * divides
            window = layer.window and replace(layer.window, channels=divides)
        result.append(replace(layer, mw=mw, mh=mh, simd_divides=divides, window=window))
    return result
