"""The shell around the accelerator's core: its geometry, and the generated top `bnn_accel`."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from flow.errors import UserError
from flow.hardware.interfaces import CLOCK, RESET, interfaces
from flow.hardware.sources import RTL_SOURCE_DIR

if TYPE_CHECKING:
    from jinja2 import Template

    from flow.hardware.stream import Stream

ACCEL_MODULE = "bnn_accel"
NO_IDENTITY = "0" * 64
_SOURCES = (
    *("bnn_stream_check", "bnn_stream_reg", "bnn_width_up", "bnn_width_down"),
    *("bnn_width_converter", "bnn_fifo", "bnn_copy"),
    *("bnn_event_counter", "bnn_axi_in", "bnn_axi_out", "bnn_axi_lite", "bnn_axi_regs"),
    "bnn_shell",
)


class ShellInfo(BaseModel):
    """How frames lie in memory on the processor's side, and the files of the shell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    top: str = ACCEL_MODULE
    dma_width_bits: int
    in_frame_bytes: int = Field(description="Bytes from one image to the next in memory.")
    in_image_bytes: int = Field(description="Bytes of these that hold elements; zeros follow.")
    out_frame_bytes: int = Field(description="Bytes from the scores of one image to the next.")
    out_elem_bits: int = Field(description="Bits of one score in memory: 16 or 32.")
    load_words: int = Field(
        default=0, description="32-bit words of weights that are loaded; 0: they are built in."
    )
    sources: list[str] = Field(description="Files that the core does not use already, top last.")


def shell_info(
    first: Stream, last: Stream, dma_width_bits: int, core: list[str], load_words: int = 0
) -> ShellInfo:
    """Return the geometry of a shell for a core with these streams; `core` are the core's files.

    load_words: words of payload of the core's load image, 0 for a core without loadable weights.
    Raises UserError for a DMA width or a stream the shell cannot carry.
    """
    if dma_width_bits not in (32, 64, 128, 256, 512):
        raise UserError(
            f"generate_rtl: dma_width_bits = {dma_width_bits} in the board's file; the AXI DMA has "
            "streams of 32, 64, 128, 256 or 512 bits"
        )
    if first.elem_bits > 8 or first.pixels > 1:
        raise UserError(
            f"generate_rtl: the input has {first.pixels} pixels of {first.elem_bits} bits in a "
            "word; the shell takes single pixels of up to 8 bits an element"
        )
    bits = last.elem_bits if last.signed else last.elem_bits + 1
    if bits > 32:
        raise UserError(f"generate_rtl: scores of {bits} bits; the shell hands out at most 32")
    elem_bits = 16 if bits <= 16 else 32
    dma_bytes = dma_width_bits // 8
    image_bytes = first.beats * first.lanes
    score_bytes = last.beats * last.lanes * elem_bits // 8
    sources = [f"{name}.sv" for name in _SOURCES]
    return ShellInfo(
        dma_width_bits=dma_width_bits,
        in_frame_bytes=_round_up(image_bytes, math.lcm(dma_bytes, first.lanes)),
        in_image_bytes=image_bytes,
        out_frame_bytes=_round_up(score_bytes, dma_bytes),
        out_elem_bits=elem_bits,
        load_words=load_words,
        sources=[*(name for name in sources if name not in core), f"{ACCEL_MODULE}.v"],
    )


def write_shell(
    template: Template,
    source: str,
    folder: Path,
    core: str,
    streams: tuple[Stream, Stream],
    shell: ShellInfo,
    identity: str = NO_IDENTITY,
) -> None:
    """Write the shell's files and the generated top into `folder`, around the module `core`."""
    for name in shell.sources[:-1]:
        shutil.copyfile(RTL_SOURCE_DIR / name, folder / name)
    text = template.render(
        top=shell.top,
        source=source,
        core=core,
        dma=shell.dma_width_bits,
        first=streams[0],
        last=streams[1],
        shell=shell,
        identity=identity,
        clock=CLOCK,
        reset=RESET,
        interfaces=interfaces(shell),
    )
    (folder / shell.sources[-1]).write_text(text, encoding="utf-8")


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
