"""`bnn_sliding_window`: the windows of a convolution, row by row out of a ring of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flow.hardware.kernels.kernel import Features, Frames, Kernel, Parameters, Rows, bits_for
from flow.hardware.reference import sliding_window
from flow.hardware.stream import Element
from flow.hardware.synthesis.memory import block_ram, ram
from flow.hardware.synthesis.utilisation import Utilisation

_SLACK_CYCLES = 15
"""Cycles that a freed row of a window takes to be seen and written again."""
_MEASURED = (
    # H and W, channels, SIMD, bits, padding
    (32, 3, 3, 8, 1),
    (32, 3, 1, 8, 1),
    (32, 3, 3, 8, 0),
    (32, 16, 2, 1, 1),
    (32, 64, 64, 1, 1),
    (32, 64, 8, 1, 1),
    (30, 64, 32, 1, 0),
    (28, 64, 4, 1, 0),
    (16, 128, 32, 1, 1),
    (16, 64, 4, 1, 1),
    (12, 128, 16, 1, 0),
    (8, 256, 64, 1, 1),
    (8, 128, 1, 1, 1),
    (5, 256, 4, 1, 0),
    (4, 512, 64, 1, 1),
    (4, 512, 8, 1, 1),
    (3, 256, 2, 1, 0),
    (4, 512, 256, 1, 1),
)
_MEASURED_PIXELS = (
    # H and W, channels, SIMD, bits, padding, pixels in, pixels out
    (32, 3, 3, 8, 1, 1, 4),
    (32, 3, 3, 8, 1, 1, 16),
    (32, 64, 64, 1, 1, 4, 4),
    (32, 64, 16, 1, 1, 2, 4),
    (32, 16, 16, 1, 1, 16, 16),
    (16, 128, 32, 1, 1, 2, 2),
    (16, 64, 8, 1, 1, 1, 8),
    (8, 256, 64, 1, 1, 2, 4),
    (8, 128, 8, 1, 1, 8, 2),
    (4, 512, 128, 1, 1, 4, 4),
    (30, 64, 32, 1, 0, 2, 4),
    (14, 64, 16, 1, 0, 7, 2),
)


@dataclass(frozen=True)
class SlidingWindow(Kernel):
    """The rows a convolution reads, in the order in which its matrix-vector unit reads them."""

    module: ClassVar[str] = "bnn_sliding_window"
    gives_flags: ClassVar[bool] = True
    ifm_height: int
    ifm_width: int
    channels: int
    simd: int
    elem_bits: int = 1
    kernel_h: int = 3
    kernel_w: int = 3
    stride_h: int = 1
    stride_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    pixels_in: int = 1
    pixels_out: int = 1
    pad_elem: int = 0
    """What padding carries, as the bits of an element."""

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        found = super().parameters()
        if self.pad_elem:
            found["PadElem"] = f"{self.elem_bits}'d{self.pad_elem}"
        else:
            del found["PadElem"]
        return found

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.simd, self.pixels_out

    @property
    def groups(self) -> int:
        """Words of a pixel."""
        return self.channels // self.simd

    @property
    def ofm_height(self) -> int:
        """Rows of windows."""
        return (
            self.ifm_height + self.pad_top + self.pad_bottom - self.kernel_h
        ) // self.stride_h + 1

    @property
    def ofm_width(self) -> int:
        """Columns of windows."""
        return (
            self.ifm_width + self.pad_left + self.pad_right - self.kernel_w
        ) // self.stride_w + 1

    @property
    def leading_padding(self) -> int:
        """Words of the first windows before the first element inside the map.

        With several windows in a word it is the last one that reaches into the map first.
        """
        columns = max(0, self.pad_left - self.pixels_out + 1)
        return (self.pad_top * self.kernel_w + columns) * self.groups

    @property
    def num_rows(self) -> int:
        """Rows of the ring: bnn_window_buffer's NumRows."""
        last_base = (self.ofm_height - 1) * self.stride_h
        used = min(last_base + self.kernel_h - self.pad_top, self.ifm_height)
        first = min(self.kernel_h - self.pad_top, self.ifm_height)
        seam = used - max(last_base - self.pad_top, 0) + first
        beats = self.ifm_width // self.pixels_in * self.groups
        spare = -(-(_SLACK_CYCLES + self.groups) // beats)
        return max(seam, self.kernel_h + self.stride_h) + spare

    @property
    def banks(self) -> int:
        """Memories that the columns lie in side by side."""
        return -(-self.pixels_out // self.pixels_in) * self.pixels_in

    @property
    def bank_depth(self) -> int:
        """Words of a bank."""
        return self.num_rows * -(-self.ifm_width // self.banks) * self.groups

    @property
    def orders(self) -> int:
        """Ways in which the banks are turned into a word: bnn_window_buffer's Shifts."""
        by_kernel = self.banks > 1 and self.banks == self.pixels_out and self.kernel_w < self.banks
        return self.kernel_w if by_kernel else self.banks

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        width = self.simd * self.elem_bits
        pixels_out = self.pixels_out
        bank = (
            block_ram(width, self.bank_depth)
            if self.bank_depth > 512
            else ram(width, self.bank_depth, family)
        )
        in_luts = float(bank.bram36 == 0)
        memories = Utilisation()
        for _bank in range(self.banks):
            memories += bank
        address = bits_for(self.bank_depth)
        several = float(self.banks > 1)
        out = pixels_out * width
        common = {
            "1": 1.0,
            "out": out,
            "pixels": pixels_out,
            "address": address,
            "rows": bits_for(self.num_rows),
            "banks": self.banks * several,
            "bank_address": self.banks * address * several,
        }
        padded = float(bool(self.pad_top or self.pad_left))
        common |= {"padded": padded, "padded_address": padded * address}
        lut = {
            **common,
            "turned": out * math.ceil((self.orders - 1) / 3) * several,
            "deep": self.banks * width * max(0, math.ceil(self.bank_depth / 64) - 1) * in_luts,
        }
        ff = {**common, "turned": out * several, "registered": self.banks * width * in_luts}
        return Features(memories, lut, ff)

    @classmethod
    def measured(cls, family: str) -> list[SlidingWindow]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        if family != "xcup":
            return [cls._square(*_MEASURED[k]) for k in (0, 3, 7, 13)]
        return [cls._square(*shape) for shape in (*_MEASURED, *_MEASURED_PIXELS)]

    @classmethod
    def _square(
        cls,
        size: int,
        channels: int,
        simd: int,
        bits: int,
        pad: int,
        pixels_in: int = 1,
        pixels_out: int = 1,
    ) -> SlidingWindow:
        pads = {f"pad_{side}": pad for side in ("top", "left", "bottom", "right")}
        pixels = {"pixels_in": pixels_in, "pixels_out": pixels_out}
        return cls(size, size, channels, simd, elem_bits=bits, **pads, **pixels)

    def compute(self, frames: Frames, memories: Mapping[str, Rows], sink: Element) -> Frames:
        """Return what goes out as elements of `sink`; memories: rows by parameter."""
        window = ((self.kernel_h, self.kernel_w), (self.stride_h, self.stride_w))
        pad = (self.pad_top, self.pad_left, self.pad_bottom, self.pad_right)
        of_padding = int(sink.value(np.array(self.pad_elem)))
        return Frames(*sliding_window(frames.values, *window, pad, of_padding))
