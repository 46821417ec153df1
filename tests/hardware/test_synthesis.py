"""Kernels are mapped once each and kept by content; depth is judged by clock and part."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flow.errors import ToolError
from flow.hardware.synthesis import mapping as synthesis
from flow.hardware.synthesis.levels import allowed_levels
from flow.hardware.synthesis.mapping import Kernel, cache_key, map_kernel, map_kernels
from flow.hardware.synthesis.utilisation import Utilisation
from flow.tools.process import run

NETLIST = {
    "ports": {},
    "cells": {
        "l": {"type": "LUT6", "parameters": {}, "connections": {}, "port_directions": {}},
        "w": {
            "type": "bnn_rom",
            "parameters": {"Width": 8, "Depth": "1000000", "RomStyle": "distributed"},
            "connections": {},
            "port_directions": {},
        },
    },
}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "rtl"
    folder.mkdir()
    for name in ("bnn_a", "bnn_rom"):
        (folder / f"{name}.sv").write_text(f"module {name} (\n);\nendmodule\n")
    (folder / "bnn_a.sv").write_text("module bnn_a (\n);\n  bnn_rom #(\n  ) u_r ();\nendmodule\n")
    return folder


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []

    def fake(job: Any, directory: Path, timeout_s: float) -> tuple[float, Any]:
        made.append(job)
        if job.parameters.get("Bad"):
            raise ToolError("yosys", ["yosys"], directory / "log", "broken")
        return 1.0, NETLIST

    monkeypatch.setattr(synthesis.yosys, "timed_synthesis", fake)
    return made


def test_memories_are_boxes_and_are_added_by_rule(
    sources: Path, runs: list[Any], tmp_path: Path
) -> None:
    kernel = Kernel.of("bnn_a", {"Width": 3})
    found = map_kernel(kernel, sources, "xc7", cache=tmp_path / "cache", timeout_s=1)
    assert found.utilisation == Utilisation(lut=1 + 8, ff=8)
    assert runs[0].black_boxes == {"bnn_rom", "bnn_ram"}
    assert [path.stem for path in runs[0].sources] == ["bnn_a", "bnn_rom"]


def test_a_kernel_is_mapped_once_and_then_taken_from_the_cache(
    sources: Path, runs: list[Any], tmp_path: Path
) -> None:
    named = [Kernel.of("bnn_a", {"W": 1, "WeightFile": f'"{k}.mem"'}) for k in range(3)]
    assert len(set(named)) == 1  # what only names an image tells no two kernels apart
    for _ in range(2):
        found = map_kernels(
            [*named, Kernel.of("bnn_a", {"W": 2})],
            sources,
            "xcup",
            cache=tmp_path / "cache",
            jobs=2,
            timeout_s=1,
        )
    assert len(runs) == 2 and all(result.cached for result in found.values())


def test_source_family_and_parameters_make_another_result(sources: Path) -> None:
    kernel = Kernel.of("bnn_a", {"W": 1})
    keys = {
        cache_key(kernel, sources, "xc7"),
        cache_key(kernel, sources, "xcup"),
        cache_key(Kernel.of("bnn_a", {"W": 2}), sources, "xc7"),
    }
    (sources / "bnn_rom.sv").write_text("module bnn_rom (\n);\n  // changed\nendmodule\n")
    keys.add(cache_key(kernel, sources, "xc7"))
    assert len(keys) == 4


def test_a_damaged_result_is_made_again(sources: Path, runs: list[Any], tmp_path: Path) -> None:
    kernel, cache = Kernel.of("bnn_a", {}), tmp_path / "cache"
    map_kernel(kernel, sources, "xc7", cache=cache, timeout_s=1)
    next(cache.glob("*.json")).write_text("{")
    assert not map_kernel(kernel, sources, "xc7", cache=cache, timeout_s=1).cached
    assert len(runs) == 2


def test_the_first_failure_ends_it(sources: Path, runs: list[Any], tmp_path: Path) -> None:
    kernels = [Kernel.of("bnn_a", {"Bad": 1}), *(Kernel.of("bnn_a", {"W": k}) for k in range(9))]
    with pytest.raises(ToolError, match="broken"):
        map_kernels(kernels, sources, "xc7", cache=tmp_path / "c", jobs=1, timeout_s=1)
    assert len(runs) < 10


@pytest.mark.parametrize(
    ("part", "clock", "levels"),
    [
        ("xc7z020clg400-1", 100, 10),
        ("xc7z045ffg900-2", 200, 5),
        ("xczu7ev-ffvc1156-2-e", 200, 8),
        ("xck26-sfvc784-2LV-c", 200, 7),  # 0.72 V: as slow as a -1
        ("xczu3eg-sbva484-1-i", 150, 10),
        ("xczu3eg-sbva484-1-i", 1000, 1),
    ],
)
def test_a_faster_clock_and_a_slower_part_allow_fewer_levels(
    part: str, clock: float, levels: int
) -> None:
    assert re.match(r"xc", part) and allowed_levels(part, clock) == levels


def test_an_error_or_an_interruption_ends_the_runs_beside_it(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, ended = tmp_path / "started", tmp_path / "ended"
    script = "import sys, time, pathlib; p = pathlib.Path\n"
    script += "p(sys.argv[1]).touch(); time.sleep(60); p(sys.argv[2]).touch()"

    def slow_or_broken(job: Any, directory: Path, timeout_s: float) -> tuple[float, Any]:
        if job.parameters["Width"] == 1:
            while not started.exists():
                time.sleep(0.01)
            raise KeyboardInterrupt
        argv = [sys.executable, "-c", script, str(started), str(ended)]
        run(argv, cwd=directory, log=directory / "log", timeout_s=timeout_s)
        raise AssertionError("the tool was not ended")

    monkeypatch.setattr(synthesis.yosys, "timed_synthesis", slow_or_broken)
    kernels = [Kernel.of("bnn_a", {"Width": width}) for width in (1, 2, 3)]
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        map_kernels(kernels, sources, "xc7", cache=tmp_path / "cache", jobs=2, timeout_s=90)
    assert time.monotonic() - begin < 50 and not ended.exists()
