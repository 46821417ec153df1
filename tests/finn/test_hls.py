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
from flow.finn.hls import (
    FINN_BOARDS,
    find_finn,
    finn_board,
    missing_finn_tool,
    plan_finn,
    read_resources,
)
from flow.finn.library import prepare_finn

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
    plan = plan_finn(board, board.clock_mhz(), 1000.0, tmp_path)
    (path,) = plan.files
    path.write_text(plan.files[path])
    config = config_module.DataflowBuildConfig.construct_from(path)
    assert config._resolve_fpga_part() == pynq_part_map[FINN_BOARDS[board_id]]
    assert config._resolve_fpga_part().lower() == board.part.lower()
    assert config.synth_clk_period_ns == pytest.approx(1000 / board.clock_mhz(), abs=1e-4)
    assert config.steps[0] == "step_create_dataflow_partition"


def test_every_step_is_one_of_finns() -> None:
    prepare_finn()
    import finn

    steps = (Path(finn.__path__[0]) / "builder" / "build_dataflow_steps.py").read_text()
    plan = plan_finn(find_board("ZCU104"), 200.0, 500.0, Path("work"))
    for step in json.loads(plan.files[Path("work/finn_build.json")])["steps"]:
        assert f"\ndef {step}(" in steps


def test_the_plan_is_finns_launcher_on_the_folded_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    plan = plan_finn(find_board("ZCU104"), 200.0, 500.0, Path("work"))
    assert str(plan) == ("finn build finn_build.json folded.onnx --batch --build-path finn_tmp")


def test_a_board_finn_does_not_know_is_refused_by_name() -> None:
    zc706 = find_board("ZCU104").model_copy(update={"id": "zc706", "name": "ZC706"})
    with pytest.raises(UserError, match=r'impl = "hls": FINN does not know the ZC706; .*ZCU104'):
        finn_board(zc706)


def install(folder: Path, name: str, text: str = "#!/bin/sh\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder / name


def test_what_is_missing_is_said_in_the_order_one_meets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for program, complaint in (
        ("git", "git was not found on PATH: FINN fetches its dependencies"),
        ("vitis_hls", "Vitis HLS was not found"),
        ("vivado", "Vivado was not found"),
        ("finn", "FINN's launcher was not found on PATH outside of this flow's environment"),
    ):
        assert complaint in (missing_finn_tool() or "")
        install(tmp_path, program)
    assert missing_finn_tool() is None


def test_the_flows_own_finn_is_not_taken_for_finn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """finn-plus installs a script beside our Python; it crashed for want of FINN's solver."""
    own = Path(sys.executable).parent
    assert (own / "finn").is_file()
    monkeypatch.setenv("PATH", f"{own}")
    assert find_finn() is None
    other = install(tmp_path / "tools", "finn")
    monkeypatch.setenv("PATH", f"{own}:{other.parent}")
    assert find_finn() == other
    plan = plan_finn(find_board("ZCU104"), 200.0, 500.0, Path("work"))
    assert plan.argv[0] == str(other)


def test_a_finn_that_cannot_import_its_builder_is_refused_before_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("git", "vitis_hls", "vivado"):
        install(tmp_path / "tools", program)
    (tmp_path / "finn").mkdir()  # a package without a builder, in front of any other
    (tmp_path / "finn" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    launcher = install(tmp_path / "tools", "finn", f"#!{sys.executable}\n")
    told = missing_finn_tool() or ""
    assert f"FINN's launcher {launcher} cannot import finn.builder.build_dataflow: " in told
    assert "ModuleNotFoundError: No module named 'finn.builder'" in told
    (tmp_path / "finn" / "builder").mkdir()
    (tmp_path / "finn" / "builder" / "build_dataflow.py").touch()
    assert missing_finn_tool() is None


def test_finns_resource_report_comes_under_our_names(tmp_path: Path) -> None:
    path = tmp_path / "post_synth_resources.json"
    top = {"LUT": 30000, "SRL": 200, "FF": 40000, "BRAM_36K": 100, "BRAM_18K": 5, "DSP": 3}
    path.write_text(json.dumps({"(top)": top, "idma0": {"LUT": 500}}))
    assert read_resources(path) == {"lut": 30000, "ff": 40000, "bram36": 102.5, "dsp": 3}
