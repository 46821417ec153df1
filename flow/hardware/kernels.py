"""The kernels: one frozen dataclass for each SystemVerilog module, its fields the parameters.

This is the only table of modules, parameters and memories; `ports.py` has what their ports are
connected to. Rules that a module shares with what is generated around it (widths, latencies, the
rows of a window's ring) stand beside the fields; `tests/hardware/test_kernels.py` compares
them with the elaborated modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from flow.hardware.kernel import Kernel, Memory, Parameters, called, literal

WEIGHT_STYLES = ("auto", "distributed", "block", "ultra")
MOST_INPUT_BITS = 8
MOST_WEIGHT_BITS = 9
"""8, and one for the negative of the lowest code in a channel that falls."""
MOST_STEPS = 255
_MOST_CHUNKS = (4, 2)
_LUT_BITS = 64
_SLACK_CYCLES = 15
"""Cycles that a freed row of a window takes to be seen and written again."""


@dataclass(frozen=True)
class InputTable(Kernel):
    """Looks every element up in a table."""

    module: ClassVar[str] = "bnn_input_table"
    lanes: int
    out_bits: int
    in_bits: int = 8

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.lanes, 1

    def memories(self) -> tuple[Memory, ...]:
        """Return the memories whose contents are files."""
        return (Memory("TableFile", "table", 1 << self.in_bits, self.out_bits),)


@dataclass(frozen=True)
class InputOffset(Kernel):
    """Subtracts a constant from every element: no table, no comparator."""

    module: ClassVar[str] = "bnn_input_offset"
    lanes: int
    offset: int
    out_bits: int = 8
    in_bits: int = 8

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.lanes, 1


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


@dataclass(frozen=True)
class MatrixVector(Kernel):
    """A product, and the thresholds behind it or none (`steps` 0: its sums go out)."""

    module: ClassVar[str] = "bnn_mvu"
    takes_flags: ClassVar[bool] = True
    is_link: ClassVar[bool] = True
    mw: int = called("MW")
    mh: int = called("MH")
    pe: int = called("PE")
    simd: int = called("SIMD")
    pixels: int = 1
    in_bits: int = 1
    in_signed: bool = False
    weight_bits: int = 1
    pad_flags: bool = False
    steps: int = 1
    code_bits: int = 1
    code_low: int = 0
    """The lowest code, as its bits."""
    acc_bits: int = 0
    """What sums need; 0: what they need whatever the weights are. Not used where the count of
    equal bits is compared with one threshold: that needs `count_bits`."""
    weight_style: str = "auto"
    loadable: bool = False

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        found = super().parameters()
        several = self.steps > 1
        return {
            **found,
            "CodeBits": self.code_bits if several else 1,
            "CodeLow": self.code_low if several else 0,
            "AccBits": self.accumulator_bits,
            "ThreshBits": self.thresh_bits if self.steps else 1,
            "ThreshChunks": self.thresh_chunks,
            "ReadLatency": self.read_latency,
        }

    def memories(self) -> tuple[Memory, ...]:
        """Return the memories whose contents are files."""
        weights = self.pe * self.simd * self.weight_bits
        found = [Memory("WeightFile", "weights", self.nf * self.sf, weights)]
        if self.steps:
            part = -(-self.thresh_bits // self.thresh_chunks)
            rows, bits = self.nf * self.thresh_chunks, self.pe * self.steps * part
            found.append(Memory("ThreshFile", "thresholds", rows, bits))
        return tuple(found)

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.pe, self.pixels

    @property
    def sf(self) -> int:
        """Words of a vector."""
        return self.mw // self.simd

    @property
    def nf(self) -> int:
        """Passes over a vector."""
        return self.mh // self.pe

    @property
    def counts(self) -> bool:
        """Whether equal bits are counted: inputs and weights have 1 bit."""
        return self.in_bits == self.weight_bits == 1

    @property
    def compares_counts(self) -> bool:
        """Whether that count itself is compared with one threshold."""
        return self.counts and self.steps == 1

    @property
    def count_scale(self) -> int:
        """Counts a lane: with odd SIMD half a flagged word is no integer, so all is doubled."""
        return 2 if self.pad_flags and self.simd % 2 else 1

    @property
    def accumulator_bits(self) -> int:
        """AccBits: of the accumulator, and of what goes out where there is no threshold."""
        if self.compares_counts:
            return (self.count_scale * self.mw).bit_length()
        return self.acc_bits or sum_bits(self.mw, self.in_bits, self.in_signed, self.weight_bits)

    @property
    def threshold_range(self) -> tuple[int, int]:
        """The least and the greatest stored threshold: "always" and "never"."""
        if self.compares_counts:
            return 0, self.count_scale * self.mw + 1
        half = 1 << (self.accumulator_bits - 1)
        return -half, half

    @property
    def thresh_bits(self) -> int:
        """Bits of a stored threshold."""
        if self.compares_counts:
            return self.threshold_range[1].bit_length()
        return self.accumulator_bits + 1

    @property
    def out_bits(self) -> int:
        """Bits of an element that goes out."""
        if not self.steps:
            return self.accumulator_bits
        return self.code_bits if self.steps > 1 else 1

    @property
    def read_latency(self) -> int:
        """Cycles a weight memory takes: block RAM and UltraRAM have an output register."""
        return 2 if self.weight_style in ("block", "ultra") else 1

    @property
    def sum_latency(self) -> int:
        """Cycles from a taken word to its place at the accumulator: bnn_mvu's SumLatency."""
        if self.counts:
            levels = 3 + _log2(-(-self.simd // 16))
        elif self.weight_bits == 1:
            levels = min(self.simd, 3) + _log2(-(-self.simd // 3))
        else:
            levels = (2 if self.in_bits > 1 else 1) + _log2(self.simd)
        return self.read_latency + levels

    @property
    def code_latency(self) -> int:
        """Cycles from a sum to its code: bnn_mvu's CodeLatency."""
        return 1 + (_log2(self.steps + 1) + 1) // 2 if self.steps > 1 else 0

    @property
    def fifo_depth(self) -> int:
        """Results on their way when the place of the next one must be free."""
        return (self.sum_latency + self.code_latency + 9) // self.sf + 2

    @property
    def thresh_chunks(self) -> int:
        """Rows in which a threshold lies: a LUT holds 64 bits, and passes are often few."""
        if self.steps != 1:
            return 1
        longest = min(self.sf, self.sum_latency - 1, _LUT_BITS // self.nf)
        return next((chunks for chunks in _MOST_CHUNKS if chunks <= longest), 1)


@dataclass(frozen=True)
class MaxPool(Kernel):
    """The greatest value of each pool; the smallest in the channels of `minimum`."""

    module: ClassVar[str] = "bnn_maxpool"
    ifm_height: int
    ifm_width: int
    channels: int
    pe: int
    pool_h: int
    pool_w: int
    pixels: int = 1
    elem_bits: int = 1
    signed: bool = False
    minimum: int = 0
    """Bit c: channel c takes the smallest value."""

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.pe, pooled_pixels(self.pixels, self.pool_w)

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        found = super().parameters()
        if self.minimum:
            found["Minimum"] = f"{self.channels}'h{self.minimum:x}"
        else:
            del found["Minimum"]
        return found


@dataclass(frozen=True)
class WidthConverter(Kernel):
    """Regroups the lanes of every pixel; the widths are those of one pixel."""

    module: ClassVar[str] = "bnn_width_converter"
    plumbing: ClassVar[bool] = True
    in_width: int
    out_width: int
    pixels: int = 1


@dataclass(frozen=True)
class Fifo(Kernel):
    """Buffers words; padding flags travel as more bits."""

    module: ClassVar[str] = "bnn_fifo"
    plumbing: ClassVar[bool] = True
    width: int
    depth: int


@dataclass(frozen=True)
class Loader(Kernel):
    """Turns the load image into the words of the load chain."""

    module: ClassVar[str] = "bnn_loader"
    load_words: int
    chain_length: int = 16


@dataclass(frozen=True)
class Shell(Kernel):
    """AXI around a core; the identity is any constant, as good as another where it is priced."""

    module: ClassVar[str] = "bnn_shell"
    dma_width: int
    in_width: int
    in_words: int
    in_beats: int
    out_lanes: int
    out_elem_bits: int
    out_signed: bool
    out_dma_bits: int
    out_words: int
    load_words: int = 0

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        return {
            "Identity": "256'h" + "c35a" * 16,
            **super().parameters(),
            "Loadable": literal(self.load_words > 0),
        }


KERNELS: Mapping[str, type[Kernel]] = {
    kernel.module: kernel
    for kernel in (
        *(InputTable, InputOffset, SlidingWindow, MatrixVector, MaxPool),
        *(WidthConverter, Fifo, Loader, Shell),
    )
}


def sum_bits(terms: int, in_bits: int = 1, in_signed: bool = False, weight_bits: int = 1) -> int:
    """Return the bits of a sum of `terms` products of an input and a weight, whatever they are.

    A 1-bit input is -1 or +1, and so is a 1-bit weight.
    """
    peak = 1 if in_bits == 1 else 1 << (in_bits - 1) if in_signed else (1 << in_bits) - 1
    peak <<= weight_bits - 1
    return (terms * peak).bit_length() + 1


def pooled_pixels(pixels: int, pool_w: int) -> int:
    """Return the pixels of a word behind a pool; ValueError where pools cut across words."""
    if pool_w % pixels == 0:
        return 1
    if pixels % pool_w == 0:
        return pixels // pool_w
    raise ValueError(f"max-pool: {pixels} pixels a word, pools of {pool_w} columns")


def _log2(value: int) -> int:
    """Return $clog2(value)."""
    return (value - 1).bit_length()
