"""`bnn_pool`: the maximum or the sum of any windows, along rows and then along columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flow.hardware.kernels.kernel import (
    Features,
    Frames,
    Kernel,
    Parameters,
    Rows,
    bits_for,
    called,
    masked_channels,
)
from flow.hardware.reference import pool
from flow.hardware.stream import Element
from flow.hardware.synthesis.memory import ram
from flow.hardware.synthesis.utilisation import Utilisation

_MEASURED = (
    # H and W, channels, PE; size, stride, padding at each end; bits, signed, sum, mask of minima
    (32, 64, 16, 2, 2, 0, 1, False, False, 0),
    (112, 64, 8, 3, 2, 1, 2, False, False, 0),
    (28, 64, 1, 3, 1, 1, 1, False, False, 0),
    (55, 96, 4, 3, 2, 0, 4, True, False, 0),
    (14, 256, 32, 3, 1, 1, 2, True, False, 0),
    (13, 256, 256, 3, 2, 0, 1, False, False, 0),
    (24, 16, 16, 5, 3, 2, 8, False, False, 0),
    (8, 256, 64, 8, 8, 0, 2, False, False, 0),
    (7, 512, 8, 7, 7, 0, 4, False, True, 0),
    (8, 128, 32, 8, 8, 0, 1, False, True, 0),
    (16, 64, 16, 3, 1, 1, 2, True, True, 0),
    (56, 64, 2, 3, 2, 1, 8, False, True, 0),
    (14, 128, 64, 2, 2, 0, 4, True, True, 0),
    (28, 64, 1, 3, 1, 1, 1, False, False, int("a5" * 8, 16)),
    (55, 96, 4, 3, 2, 0, 4, True, False, int("9c" * 12, 16)),
)

_WORDS_BETWEEN = 3
"""Words that rows give while columns take none: two in a register, one that waits for it."""

_SHALLOW = 512
"""Words of a memory that no multiplexer stands behind."""


@dataclass(frozen=True)
class PoolAxis:
    """One axis of a pool: an instance of `bnn_pool_axis`."""

    positions: int
    inner: int
    """Words of a position."""
    size: int
    stride: int
    pad_low: int
    pad_high: int

    @property
    def windows(self) -> int:
        """Positions that come out."""
        return (self.positions + self.pad_low + self.pad_high - self.size) // self.stride + 1

    @property
    def early(self) -> int:
        """Windows that end before the last position."""
        return max(0, (self.positions - 1 + self.pad_low - self.size) // self.stride + 1)

    @property
    def tail(self) -> int:
        """Positions behind the last one that pass without an input."""
        return max(0, self.windows - self.early - 1)

    @property
    def open(self) -> int:
        """Windows that are under way at a time: slots of a memory word."""
        return -(-self.size // self.stride)

    @property
    def memory_depth(self) -> int:
        """Words of the memory of partial results; 0: there is none."""
        return self.inner if self.inner > 1 and self.size > 1 else 0

    @property
    def deep(self) -> bool:
        """Whether what is read of the memory takes another cycle."""
        return self.memory_depth > _SHALLOW

    @property
    def passes(self) -> bool:
        """Whether the stream passes as it is."""
        return self.size == self.stride == 1

    @property
    def steps(self) -> int:
        """Positions that pass, those without an input among them."""
        return self.positions + self.tail

    def idle(self, words: int) -> int:
        """Cycles without a word among those in which the first `words` words of frames come out.

        They are counted from the last word of the frame before, at one word in a cycle.
        """
        ends = [k * self.stride + self.size - 1 - self.pad_low for k in range(self.early)]
        ends += [self.positions - 1 + k for k in range(self.windows - self.early)]
        frame, word = divmod(words - 1, self.windows * self.inner)
        position, part = divmod(word, self.inner)
        last = (ends[-1] + 1 - self.steps) * self.inner - 1
        comes = (frame * self.steps + ends[position]) * self.inner + part
        return comes - last - words


@dataclass(frozen=True)
class WindowPool(Kernel):
    """The greatest value, or the sum, of each window; the smallest in the channels of `minimum`."""

    module: ClassVar[str] = "bnn_pool"
    ifm_height: int
    ifm_width: int
    channels: int
    pe: int
    pool_h: int
    pool_w: int
    stride_h: int
    stride_w: int
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    elem_bits: int = 1
    signed: bool = False
    """1-bit elements are -1 or +1 whatever it says."""
    sum: bool = False
    sum_bits: int = called("OutBits", 0)
    """What sums need; 0: what they need whatever the elements are. A maximum has its elements'."""
    minimum: int = 0
    """Bit c: channel c takes the smallest value."""

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        found = {**super().parameters(), "OutBits": self.out_bits}
        if self.minimum:
            found["Minimum"] = f"{self.channels}'h{self.minimum:x}"
        else:
            del found["Minimum"]
        return found

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.pe, 1

    @property
    def out_bits(self) -> int:
        """Bits of an element that goes out."""
        if not self.sum:
            return self.elem_bits
        return self.sum_bits or self._bits(self.pool_h * self.pool_w)

    @property
    def row_bits(self) -> int:
        """Bits of the maximum or sum of a window's row: bnn_pool's RowBits."""
        return min(self._bits(self.pool_w), self.out_bits) if self.sum else self.elem_bits

    @property
    def term_bits(self) -> int:
        """Bits of an element as it is compared or added: bnn_pool's TermBits."""
        return 2 if self.sum and self.elem_bits == 1 else self.elem_bits

    @property
    def out_signed(self) -> bool:
        """Whether what goes out is signed."""
        return self.signed or (self.sum and self.elem_bits == 1)

    @property
    def groups(self) -> int:
        """Words of a pixel."""
        return self.channels // self.pe

    @property
    def across(self) -> PoolAxis:
        """Along a row."""
        edges = (self.pad_left, self.pad_right)
        return PoolAxis(self.ifm_width, self.groups, self.pool_w, self.stride_w, *edges)

    @property
    def down(self) -> PoolAxis:
        """Along a column of what comes from the rows."""
        inner = self.across.windows * self.groups
        edges = (self.pad_top, self.pad_bottom)
        return PoolAxis(self.ifm_height, inner, self.pool_h, self.stride_h, *edges)

    @property
    def cycles(self) -> int:
        """Cycles of a frame: its words, the tails, and how long rows then wait for columns.

        While columns take their tail rows go on, until there are more words than find a place.
        """
        across, down = self.across, self.down
        rows = self.ifm_height * across.steps * across.inner
        waiting = max(0, down.tail * down.inner - across.idle(_WORDS_BETWEEN))
        return max(rows + waiting, down.steps * down.inner)

    def ideal_cycles(self, beats_in: int, beats_out: int) -> int:
        """Return the cycles of a frame if nothing outside of it ever waits."""
        return self.cycles

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        bits = (self.term_bits, self.row_bits, self.out_bits)
        axes = [
            (axis, self.pe * bits[k], axis.open * self.pe * bits[k + 1])
            for k, axis in enumerate((self.across, self.down))
            if not axis.passes
        ]
        memories = Utilisation()
        registered = deep = 0
        for axis, word, width in axes:
            found = ram(width, axis.memory_depth, family)
            in_luts = found.bram36 == 0 and axis.memory_depth > 0
            memories += found
            registered += width * in_luts + (width + word) * axis.deep
            deep += width * (math.ceil(axis.memory_depth / 64) - 1) * in_luts
        results = sum(width for _, _, width in axes)
        common: dict[str, float] = {
            "1": 1.0,
            "axes": len(axes),
            "control": sum(bits_for(a.inner) + bits_for(a.steps) + a.open for a, _, _ in axes),
            "in": sum(word for _, word, _ in axes),
            "out": self.pe * self.out_bits,
            "minimum": (self.pe * self.elem_bits + self.channels) * float(self.minimum > 0),
        }
        wide = float(self.elem_bits > 1)
        lut = {
            **common,
            "ored": results * (not self.sum) * (1 - wide),
            "compared": results * (not self.sum) * wide,
            "added": results * self.sum,
            "added_signed": results * (self.sum and self.out_signed),
            "chosen": sum(width // axis.open for axis, _, width in axes if axis.open > 1),
            "behind": sum(word for axis, word, _ in axes if axis.tail),
            "deep": deep,
        }
        ff = {**common, "results": results, "registered": registered}
        return Features(memories, lut, ff)

    @classmethod
    def measured(cls, family: str) -> list[WindowPool]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return [
            cls(
                *(size, size, channels, pe, window, window, stride, stride, pad, pad, pad, pad),
                elem_bits=bits,
                signed=signed,
                sum=total,
                minimum=minimum,
            )
            for size, channels, pe, window, stride, pad, bits, signed, total, minimum in (
                _MEASURED if family == "xcup" else _MEASURED[::4]
            )
        ]

    def compute(self, frames: Frames, memories: Mapping[str, Rows], sink: Element) -> Frames:
        """Return what goes out as elements of `sink`; memories: rows by parameter."""
        window = ((self.pool_h, self.pool_w), (self.stride_h, self.stride_w))
        pad = (self.pad_top, self.pad_left, self.pad_bottom, self.pad_right)
        if self.sum:
            return Frames(pool(frames.values, *window, pad, total=True))
        least = masked_channels(self.minimum, self.channels)
        greatest = pool(np.where(least, -frames.values, frames.values), *window, pad)
        return Frames(np.where(least, -greatest, greatest))

    def _bits(self, terms: int) -> int:
        """Return the bits of the sum of so many elements."""
        if self.elem_bits == 1:
            return terms.bit_length() + 1
        if self.signed:
            return ((terms << (self.elem_bits - 1)) - 1).bit_length() + 1
        return (terms * ((1 << self.elem_bits) - 1)).bit_length()
