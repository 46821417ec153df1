"""The Vivado Tcl and its plans, run by a fake Vivado that knows what it may be asked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip(
    "tkinter", reason="the fake Vivado is a Tcl interpreter: needs Python's tkinter"
)

from tools.vivado_kit import install_fake_vivado, write_accelerator

from flow.board import Board, all_boards, find_board
from flow.environment import read_environment
from flow.errors import ToolError, UserError
from flow.paths import boards_dir
from flow.tools import vivado
from flow.tools.process import Plan
from flow.tools.vivado import Job, Vivado, plan_implementation, plan_synthesis, run_vivado

GOLDEN = Path(__file__).parent / "golden"
BOARDS = [board.id for board in all_boards()]


@pytest.fixture
def fake(tmp_path: Path) -> Vivado:
    return Vivado(install_fake_vivado(tmp_path / "xilinx"))


def job_for(board: Board, board_files: Path | None = None) -> Job:
    return Job("bvgg16", board, board.clock_mhz(), "bnn_accel", board_files=board_files)


def build(fake: Vivado, board: Board, folder: Path, board_files: Path | None = None) -> Path:
    write_accelerator(folder / "rtl", board)
    job = job_for(board, board_files)
    run_vivado(plan_synthesis(fake, job, folder), timeout_s=60)
    run_vivado(plan_implementation(fake, job, folder), timeout_s=60)
    return folder


@pytest.mark.parametrize("board_id", ["zcu104", "pynq_z2"])
@pytest.mark.parametrize("script", ["synthesis", "implementation"])
def test_the_generated_tcl_is_as_recorded(board_id: str, script: str) -> None:
    plan_of = {"synthesis": plan_synthesis, "implementation": plan_implementation}[script]
    plan = plan_of(Vivado(Path("vivado")), job_for(find_board(board_id)), Path("work"))
    golden = GOLDEN / f"{board_id}_{script}.tcl"
    text = plan.files[Path("work") / f"{script}.tcl"]
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text(), "if the change is meant: UPDATE_GOLDEN=1 pytest"


def test_a_plan_names_the_exact_command_and_every_script() -> None:
    plan = plan_synthesis(Vivado(Path("vivado")), job_for(find_board("zcu104")), Path("work"))
    assert str(plan) == (
        "vivado -mode batch -notrace -nojournal -log vivado.log -source synthesis.tcl"
    )
    assert [str(path) for path in plan.files] == [
        "work/scripts/procs.tcl",
        "work/scripts/project.tcl",
        "work/scripts/block_design.tcl",
        "work/scripts/synthesise.tcl",
        "work/scripts/implement.tcl",
        "work/scripts/ps_zynq_ultra_ps_e.tcl",
        "work/scripts/ps.tcl",
        "work/scripts/timing.xdc",
        "work/synthesis.tcl",
    ]


@pytest.mark.parametrize("board_id", BOARDS)
def test_every_board_gets_a_bitstream_and_a_handoff(
    board_id: str, fake: Vivado, tmp_path: Path
) -> None:
    board = find_board(board_id)
    folder = build(fake, board, tmp_path / "work")
    assert (folder / "system.bit").read_bytes().endswith(board.part.encode())
    handoff = (folder / "system.hwh").read_text()
    assert re.search('INSTANCE="axi_dma_0" .*MODTYPE="axi_dma"', handoff)
    assert re.search('INSTANCE="accel" .*MODTYPE="bnn_accel"', handoff)
    base = "0xa0010000" if board.ps.cell == "zynq_ultra_ps_e" else "0x40010000"
    assert re.search(f'BASEVALUE="{base}" .*INSTANCE="accel"', handoff)
    assert f'MODTYPE="{board.ps.cell}"' in handoff


def test_a_design_without_an_installed_board_file_builds_too(
    fake: Vivado, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VIVADO", "no_board_file")
    for board_id in ("zcu104", "pynq_z2"):
        folder = build(fake, find_board(board_id), tmp_path / board_id)
        assert "no board file matches" in (folder / "scripts/project.tcl").read_text()
        assert (folder / "system.bit").is_file()


def test_a_clock_the_ps_cannot_divide_to_costs_slack(
    fake: Vivado, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The PS reaches 181.8 MHz instead of 187.5: 0.167 ns less are left for the logic.
    monkeypatch.setenv("FAKE_VIVADO_PERIOD", "5.500")
    folder = build(fake, find_board("zcu104"), tmp_path / "work")
    assert "uncertainty 0.167" in (folder / "console.log").read_text()


@pytest.mark.parametrize("board_id", ["pynq_z2", "ultra96v2"])
def test_board_files_of_others_are_found_in_every_process(
    board_id: str, fake: Vivado, tmp_path: Path
) -> None:
    """Vivado's synthesis run and its place and route are processes that know no set_param."""
    board = find_board(board_id)
    folder = build(fake, board, tmp_path / "work", board_files=tmp_path)
    for log in (folder / "console.log", *folder.glob("project/*.runs/synth_1/runme.log")):
        assert "Board 49-67" not in log.read_text(), log
    assert "no board file matches" not in (folder / "console.log").read_text()


@pytest.mark.parametrize(
    ("script", "old", "new"),
    [
        ("project.tcl", "set_property board_part_repo_paths $board_files", "list"),
        ("implementation.tcl", "set_param board.repoPaths", "list"),
    ],
)
def test_a_process_without_the_folder_does_not_find_the_board_file(
    script: str, old: str, new: str, fake: Vivado, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    build_changed(fake, folder, script, old, new, "pynq_z2", board_files=tmp_path)
    logs = [(folder / "console.log"), *folder.glob("project/*.runs/synth_1/runme.log")]
    assert any("[Board 49-67]" in log.read_text() for log in logs)


def test_a_preset_that_overrides_the_clock_is_overruled_and_found_out(
    fake: Vivado, tmp_path: Path
) -> None:
    board = find_board("ultra96v2")
    folder = build(fake, board, tmp_path / "work", board_files=tmp_path)
    assert " 6.667 avnet.com:ultra96v2" in (folder / "synthesised.dcp").read_text()
    with pytest.raises(ToolError, match=r"the PS makes 99.999900 MHz, planned are 149.999999 MHz"):
        build_changed(
            fake,
            tmp_path / "mutant",
            "ps_zynq_ultra_ps_e.tcl",
            "PSU__OVERRIDE__BASIC_CLOCK {0}",
            "PSU__OVERRIDE__BASIC_CLOCK {1}",
            "ultra96v2",
            board_files=tmp_path,
        )


@pytest.mark.parametrize("board_id", BOARDS)
def test_the_clock_that_is_closed_is_the_one_that_the_board_makes(
    board_id: str, fake: Vivado, tmp_path: Path
) -> None:
    board = find_board(board_id)
    folder = build(fake, board, tmp_path / "work")
    period = float((folder / "synthesised.dcp").read_text().split()[-3])
    assert period == pytest.approx(1000 / board.clock_mhz(), abs=1e-3)
    lost = [
        float(ns) for ns in re.findall("uncertainty (.*)", (folder / "console.log").read_text())
    ]
    # What is left is never longer than the period of the clock that the driver sets.
    assert period - sum(lost) <= 1000 / board.clock_mhz() and sum(lost) <= 0.001


@pytest.mark.parametrize(
    ("script", "old", "new", "complaint"),
    [
        (
            "block_design.tcl",
            "create_bd_cell -type ip",
            "create_bd_cel -type ip",
            "invalid command",
        ),
        ("block_design.tcl", "c_sg_length_width", "c_sg_length", r"BD 41-1276.*c_sg_length"),
        ("block_design.tcl", "c_include_sg {0}", "c_include_sg {1}", "M_AXI_SG is not connected"),
        (
            "block_design.tcl",
            "memory/aclk accel/aclk",
            "memory/aclk",
            "/accel/aclk is not connected",
        ),
        ("block_design.tcl", "accel/m_axis]", "accel/s_axis]", "both|connected already"),
        ("block_design.tcl", "-range 4K", "-range 64K", "larger than the 4096 bytes"),
        ("block_design.tcl", "+ 0x10000", "+ 0x8000", "overlaps"),
        ("block_design.tcl", "validate_bd_design\n", "", "not validated"),
        ("block_design.tcl", "tdata_width $dma_width_bits", "tdata_width 32", "TDATA_NUM_BYTES"),
        ("synthesise.tcl", "generate_target all $bd_file\n", "", "before generate_target"),
        (
            "synthesise.tcl",
            "synth_checkpoint_mode None",
            "synth_checkpoint_mode Singular",
            "black boxes",
        ),
        (
            "project.tcl",
            "add_files -norecurse $memory_files",
            "",
            "readmem data file 'weights.mem'",
        ),
        ("project.tcl", "-part $part", "-prat $part", "Unknown option '-prat'"),
        ("ps.tcl", "set ps_settings {}", "set ps_settings {CONFIG.PSU__FAN 1}", "PSU__FAN"),
        ("ps_zynq_ultra_ps_e.tcl", "PSU__USE__M_AXI_GP1 {0}", "PSU__USE__M_AXI_GP1 {1}", "HPM1"),
        ("implement.tcl", "place_design\n", "", "needs place_design first"),
        ("implement.tcl", "write_bitstream -force", "write_bitstream -fast", "Unknown option"),
    ],
)
def test_the_fake_vivado_refuses_what_vivado_would_refuse(
    script: str, old: str, new: str, complaint: str, fake: Vivado, tmp_path: Path
) -> None:
    """Each line is a mutant of the Tcl: a fake that accepted it would prove nothing."""
    with pytest.raises(ToolError) as caught:
        build_changed(fake, tmp_path, script, old, new)
    assert re.search(complaint, (tmp_path / "console.log").read_text())
    assert caught.value.first_error.startswith("exit status 1: ERROR:")


def build_changed(
    fake: Vivado,
    folder: Path,
    script: str,
    old: str,
    new: str,
    board_id: str = "zcu104",
    board_files: Path | None = None,
) -> None:
    board, changed = find_board(board_id), 0
    write_accelerator(folder / "rtl", board)
    for plan_of in (plan_synthesis, plan_implementation):
        plan = plan_of(fake, job_for(board, board_files), folder)
        files = {
            path: text.replace(old, new) if path.name == script else text
            for path, text in plan.files.items()
        }
        changed += files != plan.files
        assert changed or plan_of is plan_synthesis, f"{script} does not hold {old!r}"
        run_vivado(Plan(plan.argv, plan.cwd, files, plan.env), timeout_s=60)


def test_a_systemverilog_top_is_refused_as_module_reference(fake: Vivado, tmp_path: Path) -> None:
    board = find_board("zcu104")
    write_accelerator(tmp_path / "rtl", board)
    (tmp_path / "rtl/bnn_accel.v").rename(tmp_path / "rtl/bnn_accel.sv")
    with pytest.raises(ToolError, match=r"filemgmt 56-195"):
        run_vivado(plan_synthesis(fake, job_for(board), tmp_path), timeout_s=60)


def test_steps_are_told_while_vivado_runs(fake: Vivado, tmp_path: Path) -> None:
    board, steps = find_board("zcu104"), list[str]()
    write_accelerator(tmp_path / "rtl", board)
    run_vivado(plan_synthesis(fake, job_for(board), tmp_path), timeout_s=60, step=steps.append)
    assert steps == ["project", "block design", "synthesis"]


def test_the_first_cause_is_shown_not_what_follows_from_it() -> None:
    log = (
        "INFO: starting\n"
        "ERROR: [Common 17-69] Command failed: Synthesis failed\n"
        "ERROR: [Synth 8-439] module 'x' not found [top.sv:3]\n"
        "ERROR: [flow] synth_1 did not finish: synth_design ERROR\n"
    )
    assert vivado.first_error(log) == "ERROR: [Synth 8-439] module 'x' not found [top.sv:3]"
    assert vivado.first_error(log.splitlines()[1]) == log.splitlines()[1]
    assert vivado.first_error("all well") is None


def test_vivado_is_found_on_path_then_by_variable_then_below_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    root = tmp_path / "xilinx"
    old, new = (install_fake_vivado(root, version) for version in ("2022.2", "2024.2"))
    install_fake_vivado(root, "2019.1")
    env = read_environment({"XILINX_ROOT": str(root)})
    assert Vivado.locate(env=env).program == new
    assert Vivado.locate("2022.2", env).program == old
    with_variable = read_environment(
        {"XILINX_ROOT": str(root), "XILINX_VIVADO": str(old.parents[1])}
    )
    assert Vivado.locate(env=with_variable).program == old
    assert Vivado.locate(env=with_variable).version() == "2022.2"
    with pytest.raises(UserError, match=r"Vivado 2030\.1 was not found .* set XILINX_ROOT"):
        Vivado.locate("2030.1", env)
    with pytest.raises(UserError, match="source its settings64"):
        Vivado.locate(env=read_environment({}))


def test_the_layout_since_2025_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    program = tmp_path / "2025.1" / "Vivado" / "bin" / "vivado"
    program.parent.mkdir(parents=True)
    program.touch()
    assert Vivado.locate(env=read_environment({"XILINX_ROOT": str(tmp_path)})).program == program


def test_a_board_nobody_has_described_for_vivado_is_refused_with_the_missing_file(
    board: Board,
) -> None:
    unknown = board.model_copy(update={"id": "zcu999", "name": "ZCU999"})
    with pytest.raises(UserError, match=r"zcu999: ps\.tcl, timing\.xdc missing: nobody"):
        vivado.board_scripts(unknown)


def test_the_tcl_is_lint_free() -> None:
    pytest.importorskip("tclint", reason="tclint is not installed")
    scripts = sorted(boards_dir().glob("*/*.tcl"))
    program = Path(sys.executable).with_name("tclint")
    told = subprocess.run(
        [program, *scripts], capture_output=True, text=True, check=False, timeout=60
    )
    assert told.stdout == ""
    assert len(scripts) >= 12
