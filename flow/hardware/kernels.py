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
from flow.hardware.matrix_vector import MatrixVector

_SLACK_CYCLES = 15
"""Cycles that a freed row of a window takes to be seen and written again."""
MOST_INPUT_BITS = 8


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
class LabelSelect(Kernel):
    """Gives the classes of the greatest scores; a tie goes to the lower one."""

    module: ClassVar[str] = "bnn_label_select"
    num_labels: int = 10
    in_bits: int = 8
    lanes: int = 1
    top_k: int = called("TopK", 1)


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
        *(WidthConverter, Fifo, LabelSelect, Loader, Shell),
    )
}


def kernel_of(module: str, parameters: Mapping[str, int | str]) -> Kernel:
    """Return a module's kernel with these parameters; KeyError for an unknown module."""
    return KERNELS[module].of(parameters)


def pooled_pixels(pixels: int, pool_w: int) -> int:
    """Return the pixels of a word behind a pool; ValueError where pools cut across words."""
    if pool_w % pixels == 0:
        return 1
    if pixels % pool_w == 0:
        return pixels // pool_w
    raise ValueError(f"max-pool: {pixels} pixels a word, pools of {pool_w} columns")
