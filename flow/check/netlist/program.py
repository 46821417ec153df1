"""The program that runs an accelerator's netlist beside its RTL on golden images, and its verdict.

`make` maps and compiles, which takes minutes to an hour; `run` only simulates. A kept folder holds
the program, its operations and memory images, and what `make` found (`netlist.json`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driver import interface
from flow.check.compare import expected_words
from flow.check.netlist.design import accelerator_of, traffic_of
from flow.check.netlist.whole import NetlistRun, build, map_whole, simulate
from flow.errors import CheckFailed
from flow.hardware.synthesis.utilisation import widest_net

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flow.hardware.design import Design
    from flow.network import Network

_PROGRAM = "program"
_FACTS = "netlist.json"
_KEPT = ("*.hex", "*.mem")
_SEED = 1


@dataclass(frozen=True)
class MappedAccelerator:
    """What was mapped and compiled, and for what."""

    family: str
    images: int
    cells: int
    streams: int
    widest_net: str
    widest_net_loads: int
    widest_net_driver: str
    """Type of the cell that drives it; empty for an input."""


@dataclass(frozen=True)
class NetlistOutcome:
    """What a run showed."""

    difference: str
    """The first one, empty if there is none."""
    registers: int
    """Compared at the end; while they are read, every cycle is."""
    seconds: float

    def describe(self, mapped: MappedAccelerator) -> str:
        """Return one line on a run without a difference."""
        return (
            f"{mapped.cells:,} cells on {mapped.family}, {mapped.streams} streams and "
            f"{self.registers} registers of {mapped.images} images equal to the RTL, scores to "
            f"golden; widest net {mapped.widest_net}, {mapped.widest_net_loads:,} loads"
        )


def make(
    design: Design,
    rtl: Path,
    network: Network,
    images: NDArray[np.uint8],
    family: str,
    *,
    work: Path,
    kept: Path,
    timeout_s: float,
    progress: Callable[[str], None],
) -> MappedAccelerator:
    """Map the accelerator in `rtl` for `family`, compile the program for `images` into `kept`.

    images: uint8, (N, H, W, C). `work` is taken for what is needed on the way; each step may take
    `timeout_s`. Raises UserError where a tool is missing, ToolError where one fails, and
    UnsupportedCellError for a primitive that has no model.
    """
    scores = expected_words(network, design, images)[design.output_stream.name]
    accelerator = accelerator_of(design, rtl)
    progress("mapping the whole accelerator")
    netlist = map_whole(accelerator, family, work / family, timeout_s)
    progress(f"compiling {len(netlist['cells']):,} cells")
    program = build(
        accelerator,
        {family: netlist},
        traffic_of(design, rtl, images, scores),
        work,
        patience=8 * design.bottleneck.ideal_cycles + 20_000,
        timeout_s=timeout_s,
    )
    widest = widest_net(netlist)
    mapped = MappedAccelerator(
        family,
        len(images),
        len(netlist["cells"]),
        len(design.streams),
        widest.name,
        widest.loads,
        widest.driver,
    )
    for path in (found for pattern in _KEPT for found in sorted(work.glob(pattern))):
        shutil.copyfile(path, kept / path.name)
    shutil.copy2(program, kept / _PROGRAM)
    (kept / _FACTS).write_text(json.dumps(asdict(mapped), indent=1) + "\n", encoding="utf-8")
    return mapped


def load(kept: Path) -> MappedAccelerator:
    """Return what `make` found."""
    return MappedAccelerator(**json.loads((kept / _FACTS).read_text(encoding="utf-8")))


def run(kept: Path, log: Path, timeout_s: float) -> NetlistOutcome:
    """Simulate; ToolError where the program ends in another way than with a verdict."""
    images = load(kept).images
    try:
        done = simulate(kept / _PROGRAM, kept, 0, _SEED, timeout_s, log)
    except CheckFailed as error:
        return NetlistOutcome(str(error), 0, 0.0)
    return NetlistOutcome(_counted_wrong(done, images), len(done.registers), done.seconds)


def _counted_wrong(done: NetlistRun, images: int) -> str:
    counters = {
        "frames in": interface.ADDRESS_FRAMES_IN,
        "frames out": interface.ADDRESS_FRAMES_OUT,
    }
    for name, address in counters.items():
        if done.registers[address] != images:
            return f"{done.registers[address]} {name} were counted, {images} were sent"
    return ""
