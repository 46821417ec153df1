"""A whole accelerator, shell included: the mapped netlist equals the RTL, and the scores golden."""

from __future__ import annotations

import re
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

IMAGES = 3
TIMEOUT_S = 900.0


def check(family: str, folder: Path, weights: Literal["auto", "loadable"] = "auto") -> None:
    rtl = folder / "rtl"
    rtl.mkdir()
    accelerator = generate(padded_net(0), rtl, images=IMAGES, weights=weights)
    design = accelerator.design
    whole = accelerator_of(design, accelerator.rtl)
    netlist = map_whole(whole, family, folder / family, TIMEOUT_S)
    broken = deepcopy(netlist)
    faults.planter("lut", 0)(broken)
    scores = accelerator.expected[design.output_stream.name]
    traffic = traffic_of(design, accelerator.rtl, accelerator.images, scores)
    netlists = {"as_mapped": netlist, "broken": broken}
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
    with pytest.raises(CheckFailed, match=re.escape("netlist 1 is")):
        simulate(binary, folder, 1, 1, TIMEOUT_S)


@pytest.mark.slow
def test_a_whole_accelerator_equals_its_rtl(tmp_path: Path) -> None:
    check("xc7", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["xc7", "xcup"])
def test_a_loaded_accelerator_equals_its_rtl(family: str, tmp_path: Path) -> None:
    check(family, tmp_path, "loadable")
