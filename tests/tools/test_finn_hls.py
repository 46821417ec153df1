"""The hand-over to FINN's own builder: its configuration is FINN's, its graph is ours."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import pytest

from flow.board import all_boards, find_board
from flow.errors import UserError
from flow.tools.finn import prepare_finn
from flow.tools.finn_hls import (
    FINN_BOARDS,
    finn_board,
    missing_finn_tool,
    plan_finn,
    read_resources,
)

KNOWN = [board.id for board in all_boards() if board.id in FINN_BOARDS]


class Emphasis(Enum):
    DEFAULT = 0


@pytest.mark.parametrize("board_id", KNOWN)
def test_finn_itself_accepts_the_configuration(
    board_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_finn()
    # The solver FINN's builder imports for several FPGAs; its configuration only names it.
    solver = SimpleNamespace(CBC="CBC", GUROBI="GRB", HIGHS="HiGHS", SearchEmphasis=Emphasis)
    monkeypatch.setitem(sys.modules, "mip", solver)
    config_module = pytest.importorskip("finn.builder.build_dataflow_config")
    from finn.util.basic import pynq_part_map

    board = find_board(board_id)
    plan = plan_finn(board, board.default_clock_mhz, 1000.0, tmp_path)
    (path,) = plan.files
    path.write_text(plan.files[path])
    config = config_module.DataflowBuildConfig.construct_from(path)
    assert config._resolve_fpga_part() == pynq_part_map[FINN_BOARDS[board_id]]
    assert config._resolve_fpga_part().lower() == board.part.lower()
    assert config.synth_clk_period_ns == pytest.approx(1000 / board.default_clock_mhz, abs=1e-4)
    assert config.steps[0] == "step_create_dataflow_partition"


def test_every_step_is_one_of_finns() -> None:
    prepare_finn()
    import finn

    steps = (Path(finn.__path__[0]) / "builder" / "build_dataflow_steps.py").read_text()
    plan = plan_finn(find_board("ZCU104"), 200.0, 500.0, Path("work"))
    for step in json.loads(plan.files[Path("work/finn_build.json")])["steps"]:
        assert f"\ndef {step}(" in steps


def test_the_plan_is_finns_launcher_on_the_folded_graph() -> None:
    plan = plan_finn(find_board("ZCU104"), 200.0, 500.0, Path("work"))
    assert str(plan) == ("finn build finn_build.json folded.onnx --batch --build-path finn_tmp")


def test_a_board_finn_does_not_know_is_refused_by_name() -> None:
    zc706 = find_board("ZCU104").model_copy(update={"id": "zc706", "name": "ZC706"})
    with pytest.raises(UserError, match=r'impl = "hls": FINN does not know the ZC706; .*ZCU104'):
        finn_board(zc706)


def test_what_is_missing_is_said_in_the_order_one_meets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for program, complaint in (
        ("vitis_hls", "Vitis HLS was not found"),
        ("vivado", "Vivado was not found"),
        ("finn", "FINN's launcher was not found"),
    ):
        assert complaint in (missing_finn_tool() or "")
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    assert missing_finn_tool() is None


def test_finns_resource_report_comes_under_our_names(tmp_path: Path) -> None:
    path = tmp_path / "post_synth_resources.json"
    top = {"LUT": 30000, "SRL": 200, "FF": 40000, "BRAM_36K": 100, "BRAM_18K": 5, "DSP": 3}
    path.write_text(json.dumps({"(top)": top, "idma0": {"LUT": 500}}))
    assert read_resources(path) == {"lut": 30000, "ff": 40000, "bram36": 102.5, "dsp": 3}
