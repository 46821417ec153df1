"""`flow build --dry-run --to bitstream`: the exact plan for every board, also for FINN's build."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flow.board import all_boards
from flow.cli import app
from flow.finn.hls import FINN_BOARDS

MODEL = Path(__file__).parents[1] / "data" / "cnv_quarter.onnx"
BOARDS = {board.id: board for board in all_boards()}
SEVEN = {"zcu104", "pynq_z1", "pynq_z2", "ultra96v2", "kv260", "zc706", "aup_zu3"}


def dry_run(board: str, folder: Path, *options: str) -> tuple[int, str]:
    arguments = ("--board", board, "--model", str(MODEL), "--build-dir", str(folder))
    result = CliRunner().invoke(
        app, ["build", *arguments, "--dry-run", "--to", "bitstream", *options]
    )
    return result.exit_code, result.output


def test_all_seven_boards_are_here() -> None:
    assert set(BOARDS) >= SEVEN


@pytest.mark.parametrize("board_id", sorted(SEVEN))
def test_the_plan_names_vivados_calls_and_every_file_they_read(
    board_id: str, tmp_path: Path
) -> None:
    status, text = dry_run(BOARDS[board_id].name, tmp_path)
    assert status == 0, text
    call = "vivado -mode batch -notrace -nojournal -log vivado.log -source"
    for stage, script in (("82-netlist", "synthesis"), ("85-bitstream", "implementation")):
        work = tmp_path / "cnv_quarter" / board_id / f"{stage}.unfinished" / "vivado"
        assert f"cd {work} && {call} {script}.tcl" in text
        assert f"#   writes {work}/{script}.tcl (" in text
        assert f"#   writes {work}/scripts/timing.xdc (" in text
    assert f"scripts/ps_{BOARDS[board_id].ps.cell}.tcl" in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("board_id", sorted(SEVEN & set(FINN_BOARDS)))
def test_with_impl_hls_the_plan_is_finns_build(board_id: str, tmp_path: Path) -> None:
    status, text = dry_run(BOARDS[board_id].name, tmp_path, "--set", "impl=hls")
    assert status == 0, text
    assert "finn build finn_build.json folded.onnx --batch --build-path finn_tmp" in text
    assert "generate_rtl" not in text
    assert "vivado -mode batch" not in text


def test_with_impl_hls_a_board_finn_does_not_know_is_refused(tmp_path: Path) -> None:
    status, text = dry_run("ZC706", tmp_path, "--set", "impl=hls")
    assert status == 2
    assert "FINN does not know the ZC706; it knows ZCU104, Pynq-Z1" in text
