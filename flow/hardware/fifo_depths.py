"""FIFO depths from one simulation: give every FIFO room, see how much it used, round up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qonnx.core.modelwrapper import ModelWrapper

from flow.hw.sizing import insert_plumbing
from flow.hardware.emit import write_rtl
from flow.sim import rtlsim

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_DEEP_WORDS = 4096
MIN_DEPTH = 2


@dataclass(frozen=True)
class FifoDepths:
    """What the simulation with deep FIFOs showed."""

    depths: Mapping[str, int]
    """Depth of each FIFO by name: its high-water mark, rounded up."""
    high_water: Mapping[str, int]
    """Most words each FIFO held."""
    cycles_per_frame: float | None
    """With deep FIFOs: what the sized design must reach again."""


def measure_depths(
    model: ModelWrapper,
    images: NDArray[np.uint8],
    folder: Path,
    *,
    dma_width_bits: int,
    seed: int,
    timeout_s: float,
) -> FifoDepths:
    """Simulate a specialised graph with deep FIFOs below `folder` and return the depths to use.

    `images`: uint8 (N, H, W, C), two or more. The source hands out words evenly, a frame in the
    ideal cycles of the slowest layer: a source that rushes would fill every FIFO in front of that
    layer, whatever its depth.
    """
    rtl = folder / "rtl"
    rtl.mkdir()
    deep = insert_plumbing(ModelWrapper(model.model), MAX_DEEP_WORDS)
    design = write_rtl(deep, "FIFO sizing", rtl, dma_width_bits)
    binary = rtlsim.build(design, rtl, folder / "verilated", timeout_s=timeout_s)
    result = rtlsim.simulate(
        design,
        binary,
        rtl,
        images,
        seed=seed,
        timeout_s=timeout_s,
        interval=design.bottleneck.ideal_cycles / design.streams[0].beats,
    )
    depths = {name: round_depth(mark) for name, mark in result.high_water.items()}
    return FifoDepths(depths, result.high_water, result.cycles_per_frame)


def round_depth(mark: int) -> int:
    """Return the next power of two: shift registers and block RAM come in these sizes."""
    return max(MIN_DEPTH, 1 << max(mark - 1, 0).bit_length())
