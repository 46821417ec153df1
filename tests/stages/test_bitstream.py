"""Netlist and bitstream end to end with the fake Vivado: results, failures, and going on after."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip(
    "tkinter", reason="the fake Vivado is a Tcl interpreter: needs Python's tkinter"
)

from tools.vivado_kit import install_fake_vivado, write_accelerator
from typer.testing import CliRunner, Result

from flow.cli import app
from flow.commands import selection
from flow.engine.artifact import Artifact
from flow.engine.fingerprint import code_hashes
from flow.engine.pipeline import Pipeline
from flow.engine.stage import StageContext, StageResult
from flow.hardware.shell import ACCEL_MODULE
from flow.stages.bitstream import Bitstream
from flow.stages.netlist import ACCELERATOR, Netlist

if TYPE_CHECKING:
    from conftest import StageFactory

Build = Callable[..., Result]
FOLDER = Path("build/net/zcu104")


@pytest.fixture
def build(tmp_path: Path, make_stage: StageFactory, monkeypatch: pytest.MonkeyPatch) -> Build:
    """`build(mode, options...)`: flow build of a ready accelerator; `mode` is the fake's."""
    install_fake_vivado(tmp_path / "xilinx")
    monkeypatch.setenv("XILINX_ROOT", str(tmp_path / "xilinx"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_text("a network")

    class Generate(type(make_stage("generate_rtl"))):  # type: ignore[misc]
        produces = (Artifact.RTL, Artifact.DESIGN)

        def run(self, ctx: StageContext) -> StageResult:
            write_accelerator(ctx.output(Artifact.RTL), ctx.board).save(ctx.output(Artifact.DESIGN))
            return StageResult()

    def load() -> Pipeline:
        return Pipeline(((60, Generate()), (82, Netlist()), (85, Bitstream())))

    monkeypatch.setattr(selection, "load_pipeline", load)

    def call(mode: str = "", *options: str) -> Result:
        monkeypatch.setenv("FAKE_VIVADO", mode)
        return CliRunner().invoke(
            app, ["build", "--board", "ZCU104", "--model", "net.onnx", *options]
        )

    return call


def statuses() -> dict[str, str]:
    report = json.loads((FOLDER / "report.json").read_text())
    return {stage["id"]: stage["status"] for stage in report["stages"]}


def test_a_build_ends_with_bit_hwh_and_what_vivado_measured(build: Build) -> None:
    result = build()
    assert result.exit_code == 0, result.output
    folder = FOLDER / "85-bitstream" / "bitstream"
    assert sorted(p.name for p in folder.iterdir()) == ["accelerator.bit", "accelerator.hwh"]
    report = json.loads((FOLDER / "report.json").read_text())
    assert report["resources"]["vivado"] == {
        "lut": 42024.0,
        "ff": 36733.0,
        "bram36": 122.5,
        "uram": 8.0,
        "dsp": 2.0,
        "version": "2022.2",
        "clock_mhz": 187.499998,
        "wns_ns": 0.104,
        "whs_ns": 0.01,
        "power_w": 4.127,
    }
    assert report["bitstream"] == {
        "status": "done",
        "path": "85-bitstream/bitstream/accelerator.bit",
    }
    assert "42,024 lut of 230,400" in result.stdout
    build()
    assert set(statuses().values()) == {"cached"}


@pytest.mark.parametrize(
    ("mode", "stage", "status", "told"),
    [
        ("synthesis", "netlist", 1, "ERROR: [Synth 8-439] module 'bnn_popcount' not found"),
        ("licence", "netlist", 1, "ERROR: [Common 17-345] A valid license was not found"),
        ("licence", "netlist", 1, "next: point XILINXD_LICENSE_FILE (or LM_LICENSE_FILE) at"),
        ("critical", "netlist", 3, "critical_warnings must be 0, but is 1. First: [Synth 8-6859]"),
        ("latch", "netlist", 3, "latches must be 0, but is 1. First: latch for state_q_reg"),
        ("placement", "bitstream", 1, "ERROR: [Place 30-640] Place Check : This design requires"),
        ("kill", "bitstream", 1, "it was killed from outside, as a rule for want of memory"),
        ("timing", "bitstream", 3, "wns_ns must not be negative, but is -0.412"),
        (
            "timing",
            "bitstream",
            3,
            "this result would run at 166.667 MHz (--set clock_mhz=166.667)",
        ),
    ],
)
def test_a_failure_shows_its_cause_and_the_next_build_goes_on_at_that_stage(
    mode: str, stage: str, status: int, told: str, build: Build
) -> None:
    failed = build(mode)
    assert failed.exit_code == status, failed.output
    assert told in failed.stderr
    if status == 1:
        assert f"{stage}" in failed.stderr
        assert "vivado.log" in failed.stderr
    assert statuses()[stage] == "failed"
    before = [name for name in ("generate_rtl", "netlist") if name in statuses()]
    again = build("")
    assert again.exit_code == 0, again.output
    repeated = [name for name, now in statuses().items() if now == "done"]
    assert repeated == {"netlist": ["netlist", "bitstream"], "bitstream": ["bitstream"]}[stage]
    assert all(statuses()[name] == "cached" for name in before if name != stage)


@pytest.mark.parametrize(
    ("mode", "stage", "number"),
    [("critical", "netlist", "Synth 8-6859"), ("critical_route", "bitstream", "Route 99-1")],
)
def test_a_waived_warning_does_not_cost_another_run_of_vivado(
    mode: str, stage: str, number: str, build: Build
) -> None:
    failed = build(mode)
    assert failed.exit_code == 3, failed.output
    waiver = f'vivado.waive={{"{number}" = "why"}}'
    assert f"--set '{waiver}'" in failed.stderr
    # From here on a synthesis or a placement would fail: Vivado must not be asked again.
    broken = {"netlist": "synthesis", "bitstream": "placement"}[stage]
    waived = waiver.replace("why", "seen, and it does no harm")
    passed = build("" if stage == "netlist" else broken, "--set", waived)
    assert passed.exit_code == 0, passed.output
    assert set(statuses().values()) == {"cached", "done"}
    assert not list(FOLDER.glob("*.warned"))


def test_a_clock_that_the_board_does_not_make_is_rounded_down_and_said(build: Build) -> None:
    told = "clock: 200 MHz asked, 187.5 MHz built: the PS of the ZCU104 divides 1500 MHz by whole"
    assert told in build("", "--set", "clock_mhz=200").stderr
    assert "asked" not in build("", "--set", "clock_mhz=187.5").stderr


def test_a_forced_build_runs_vivado_where_nothing_is_kept(build: Build) -> None:
    assert build("critical").exit_code == 3
    waiver = 'vivado.waive={"Synth 8-6859" = "seen, and it does no harm"}'
    assert build("", "--set", waiver).exit_code == 0
    assert build("synthesis", "--force", "--set", waiver).exit_code == 1


def test_a_waiver_needs_a_reason(build: Build) -> None:
    refused = build("", "--set", 'vivado.waive={"Synth 8-6859" = ""}')
    assert refused.exit_code == 2
    assert "vivado" in refused.stderr and "waive" in refused.stderr


def test_a_change_of_python_code_elsewhere_does_not_repeat_hours_of_synthesis() -> None:
    assert ACCELERATOR == ACCEL_MODULE
    for stage in (Netlist(), Bitstream()):
        assert not [
            name for name in code_hashes(stage) if name.startswith(("flow/hw", "flow/graph"))
        ]


def test_without_vivado_the_build_is_complete_up_to_there(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XILINX_ROOT")
    result = build()
    assert result.exit_code == 0
    assert "netlist skipped: Vivado was not found on PATH" in result.stdout
    report = json.loads((FOLDER / "report.json").read_text())
    assert report["bitstream"]["status"] == "skipped"
    asked = build("", "--to", "bitstream")
    assert asked.exit_code == 1
    assert "bitstream: Vivado was not found on PATH" in asked.stderr


def test_a_dry_run_prints_the_exact_commands_and_files_without_vivado(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XILINX_ROOT")
    text = build("", "--dry-run", "--to", "bitstream").stdout
    for name in ("synthesis", "implementation"):
        assert f"vivado -mode batch -notrace -nojournal -log vivado.log -source {name}.tcl" in text
    assert "cd build/net/zcu104/82-netlist.unfinished/vivado && vivado" in text
    assert "#   writes build/net/zcu104/82-netlist.unfinished/vivado/scripts/ps.tcl" in text
    assert not FOLDER.exists()
    planned = json.loads(build("", "--dry-run", "--json").stdout)
    files = planned[1]["commands"][0]["files"]
    assert any(name.endswith("synthesis.tcl") for name in files)
