"""From a generated design to what `whole` runs: names, beats of the DMA."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flow.check.netlist.lockstep import Watched
from flow.check.netlist.whole import Accelerator, Traffic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flow.hardware.design import Design


def accelerator_of(design: Design, rtl: Path) -> Accelerator:
    """Return the accelerator whose files lie in `rtl`."""
    return Accelerator(
        rtl,
        (*design.sources, *design.shell.sources),
        tuple(Watched(s.name, s.width, s.flags) for s in design.streams),
        design.shell.dma_width_bits,
        design.shell.top,
    )


def traffic_of(
    design: Design,
    rtl: Path,
    images: NDArray[np.generic],
    scores: NDArray[np.uint8],
    packets: int = 2,
) -> Traffic:
    """Return the beats of `images`, bytes (N, H, W, C), in so many packets of about equal length.

    `scores`: the words of the last stream that must come out, uint8 (N * beats, word_bytes).
    """
    last, shell = design.output_stream.stream, design.shell
    width = shell.dma_width_bits
    pixels = np.ascontiguousarray(images).view(np.uint8).reshape(len(images), -1)
    sent = np.zeros((len(images), shell.in_frame_bytes), np.uint8)
    sent[:, : pixels.shape[1]] = pixels
    bits = np.unpackbits(scores, axis=1, bitorder="little")[:, : last.lanes * last.elem_bits]
    elements = bits.reshape(len(images), -1, last.elem_bits)
    extended = np.zeros((*elements.shape[:2], shell.out_elem_bits), np.uint8)
    if last.signed:
        extended[:] = elements[:, :, -1:]
    extended[:, :, : last.elem_bits] = elements
    given = np.packbits(extended, axis=2, bitorder="little").reshape(len(images), -1)
    wanted = np.zeros((len(images), shell.out_frame_bytes), np.uint8)
    wanted[:, : given.shape[1]] = given
    parts = np.array_split(np.arange(len(images)), min(packets, len(images)))
    load: list[int] = []
    if design.loadable:
        data = (rtl / design.load_image).read_bytes()
        padded = data.ljust(-(-len(data) * 8 // width) * width // 8, b"\0")
        load = beats_of(np.frombuffer(padded, np.uint8), width)
    return Traffic(
        [beats_of(sent[part], width) for part in parts],
        [beats_of(wanted[part], width) for part in parts],
        load,
    )


def beats_of(data: NDArray[np.uint8], width: int) -> list[int]:
    """Cut bytes into beats, the first byte least significant."""
    flat = data.tobytes()
    size = width // 8
    return [int.from_bytes(flat[k : k + size], "little") for k in range(0, len(flat), size)]
