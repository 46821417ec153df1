"""FIFO depths from one simulation: give every FIFO room, see how much it used, round up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flow.check import rtlsim
from flow.check.simulator import keep_simulator
from flow.hardware.build import build_design
from flow.hardware.depths import FifoDepths
from flow.hardware.emit import emit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flow.hardware.folding.data import Folding
    from flow.hardware.plan import Plan

MAX_DEEP_WORDS = 4096
MIN_DEPTH = 2


@dataclass(frozen=True)
class MeasuredDepths:
    """What the simulation with deep FIFOs showed."""

    depths: Mapping[str, int]
    """Depth of each FIFO by name: its high-water mark, rounded up."""
    high_water: Mapping[str, int]
    """Most words each FIFO held."""
    cycles_per_frame: float | None
    """With deep FIFOs: what the sized design must reach again."""
    full: tuple[str, ...]
    """FIFOs that had no room left, deep as they were: their marks say too little."""


def measure_depths(
    plan: Plan,
    folding: Folding,
    images: NDArray[np.uint8],
    folder: Path,
    simulator: Path,
    *,
    source: str,
    dma_width_bits: int,
    seed: int,
    timeout_s: float,
) -> MeasuredDepths:
    """Simulate a folded network with deep FIFOs below `folder` and return the depths to use.

    The compiled program stays in `simulator`, to simulate the sized design. `source` names the
    network in the header of the generated text.
    `images`: uint8 (N, H, W, C), two or more. The source hands out words evenly, a frame in the
    ideal cycles of the slowest layer: a source that rushes would fill every FIFO in front of that
    layer, whatever its depth.
    """
    rtl = folder / "rtl"
    rtl.mkdir()
    deep = build_design(plan, folding, FifoDepths(MAX_DEEP_WORDS, {}), dma_width_bits)
    design = emit(deep, plan, source, rtl)
    binary = rtlsim.build(design, rtl, folder / "verilated", timeout_s=timeout_s)
    result = rtlsim.simulate(
        design,
        binary,
        rtl,
        images,
        seed=seed,
        timeout_s=timeout_s,
        interval=design.bottleneck.ideal_cycles / design.input_stream.beats,
    )
    keep_simulator(binary, design, rtl, simulator)
    depths = {name: round_depth(mark) for name, mark in result.high_water.items()}
    full = tuple(name for name, mark in result.high_water.items() if mark >= MAX_DEEP_WORDS)
    return MeasuredDepths(depths, result.high_water, result.cycles_per_frame, full)


def round_depth(mark: int) -> int:
    """Return the next power of two: shift registers and block RAM come in these sizes."""
    return max(MIN_DEPTH, 1 << max(mark - 1, 0).bit_length())
