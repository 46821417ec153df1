"""`flow bench folding`: FINN's own SetFolding stands beside our search."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from nets import padded_net, tiny_net
from typer.testing import CliRunner

from flow.board import find_board
from flow.cli import app
from flow.commands.bench_folding import FOLDING


@pytest.fixture(params=[0, -1])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "padded.onnx"
    onnx.save(padded_net(request.param).build(), path)
    return path


def bench(model: Path, *more: str) -> str:
    arguments = ["bench", "folding", "--model", str(model), "--board", "ZCU104", *more]
    result = CliRunner().invoke(app, [*arguments, "--build-dir", str(model.parent / "build")])
    assert result.exit_code == 0, result.output + result.stderr
    return result.stdout


def test_both_reach_the_speed_and_a_faster_design_is_no_smaller(model: Path) -> None:
    targets = ("--target-fps", "1000", "--target-fps", "100000")
    slow, fast = json.loads(bench(model, *targets, "--json"))
    clock_hz = find_board("ZCU104").clock_mhz() * 1e6
    for row in (slow, fast):
        assert row["finn_fits"] and row["ours"]["fits"]
        assert row["finn_fps"] == clock_hz / row["finn"]["cycles"] >= row["target_fps"]
        assert row["ours"]["fps"] >= row["target_fps"]
        per_fps = row["finn"]["lut"] / row["finn_fps"], row["ours"]["lut"] / row["ours"]["fps"]
        assert row["ratio"] == pytest.approx(per_fps[0] / per_fps[1], rel=1e-3)
    assert fast["finn"]["lut"] >= slow["finn"]["lut"] > 0
    assert fast["finn"]["cycles"] < slow["finn"]["cycles"]


def test_what_does_not_fit_is_said_in_the_table(tmp_path: Path) -> None:
    model, page = tmp_path / "tiny.onnx", tmp_path / "page.md"
    onnx.save(tiny_net().build(), model)
    page.write_text(f"before\n{FOLDING.begin}\n{FOLDING.end}\nafter\n")
    bench(model, "--target-fps", "1e8", "--into", str(page))
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "| tiny | ZCU104 | 100,000,000 | " in text and "| does not fit | - | - |" in text
