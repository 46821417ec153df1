"""A whole accelerator, shell included: the mapped netlist equals the RTL, and the scores golden."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Literal

import pytest
from accelerator import generate
from nets import padded_net

from driver import interface
from flow.check.netlist import faults
from flow.check.netlist.design import accelerator_of, traffic_of
from flow.check.netlist.whole import build, map_whole, simulate
from flow.errors import CheckFailed
from flow.hardware.folding import Wish
from flow.hardware.synthesis.utilisation import widest_net

IMAGES = 3
FAULT_SEEDS = range(1, 5)
WIDEST = 256
"""Loads of the widest net of an accelerator of this size."""
TIMEOUT_S = 900.0


def check(
    family: str,
    folder: Path,
    weights: Literal["auto", "loadable"] = "auto",
    style: str | None = None,
    kinds: Sequence[str] = ("lut",),
) -> None:
    rtl = folder / "rtl"
    rtl.mkdir()
    wishes = {f"MVAU_{k}": Wish(style=style) for k in range(4)} if style else None
    accelerator = generate(padded_net(0), rtl, images=IMAGES, weights=weights, wishes=wishes)
    design = accelerator.design
    whole = accelerator_of(design, accelerator.rtl)
    netlist = map_whole(whole, family, folder / family, TIMEOUT_S)
    resets = [cell for cell in netlist["cells"].values() if cell["parameters"].get("INIT") == "1"]
    assert len(resets) >= len(design.nodes)  # one a kernel: none was joined with another
    assert widest_net(netlist).loads <= WIDEST
    planted = {kind: deepcopy(netlist) for kind in kinds}
    for kind, broken in planted.items():
        faults.planter(kind, 0)(broken)
    scores = accelerator.expected[design.output_stream.name]
    traffic = traffic_of(design, accelerator.rtl, accelerator.images, scores)
    netlists = {"as_mapped": netlist, **planted}
    binary = build(
        whole,
        netlists,
        traffic,
        folder,
        patience=50_000,
        timeout_s=TIMEOUT_S,
        optimize="-O0",
        jobs=2,
    )
    values = simulate(binary, folder, 0, 1, TIMEOUT_S).registers
    assert values[0x00] == interface.MAGIC and values[0x04] == interface.SHELL_VERSION
    assert (values[0x14], values[0x18]) == (IMAGES, IMAGES)
    identity = "".join(f"{values[0x80 + 4 * k]:08x}" for k in range(8))
    assert identity == design.identity
    assert values[0x10] == (interface.STATUS_LOADED if design.loadable else 0)
    missed = [kind for k, kind in enumerate(planted) if not differs(binary, folder, k + 1)]
    assert missed == []


def differs(binary: Path, folder: Path, pick: int) -> bool:
    for seed in FAULT_SEEDS:
        try:
            simulate(binary, folder, pick, seed, TIMEOUT_S)
        except CheckFailed as error:
            return (
                re.search(rf"netlist {pick} is|beat \d+ is|nothing moved", str(error)) is not None
            )
    return False


@pytest.mark.slow
def test_a_whole_accelerator_equals_its_rtl_and_shows_every_fault(tmp_path: Path) -> None:
    check("xc7", tmp_path, style="block", kinds=faults.KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["xc7", "xcup"])
def test_a_loaded_accelerator_equals_its_rtl(family: str, tmp_path: Path) -> None:
    check(family, tmp_path, "loadable")
