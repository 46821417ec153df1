"""pynq's own Overlay reads what the block design of every board writes, and finds both blocks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from driver_packages import PYNQ_VERSIONS

pytest.importorskip(
    "tkinter", reason="the fake Vivado is a Tcl interpreter: needs Python's tkinter"
)

from board_package import write_package
from tools.vivado_kit import install_fake_vivado, write_accelerator

from flow.board import all_boards
from flow.deploy.pynq_environment import check_pynq, pynq_python
from flow.errors import FlowError
from flow.tools.vivado import Job, Vivado, plan_synthesis, run_vivado

SCRIPT = Path(__file__).parent / "overlay_script.py"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[list[object]]:
    """For every board: its PS, its PLL, and a package with the .hwh of its block design."""
    folder = tmp_path_factory.mktemp("overlays")
    fake = Vivado(install_fake_vivado(folder / "xilinx"))
    made = []
    for board in all_boards():
        work, package = folder / board.id / "work", folder / board.id / "package"
        write_accelerator(work / "rtl", board)
        job = Job("toy", board, board.clock_mhz(), "bnn_accel")
        run_vivado(plan_synthesis(fake, job, work), timeout_s=120)
        package.mkdir()
        write_package(
            package,
            board=board.name,
            clock_mhz=board.clock_mhz(),
            ps={"cell": board.ps.cell, "ref_mhz": board.ps.clock.ref_mhz},
        )
        (package / "accelerator.hwh").write_text((work / "system.hwh").read_text())
        made.append([board.ps.cell, board.ps.clock.pll_factor, str(package)])
    return made


@pytest.mark.parametrize("version", PYNQ_VERSIONS)
def test_every_boards_overlay_is_loaded_by_the_real_pynq(
    version: str, packages: list[list[object]], tmp_path: Path
) -> None:
    try:
        command = pynq_python(version)
        check_pynq(command, tmp_path / "log")
    except (FlowError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"pynq {version} cannot be had: {str(error).splitlines()[0]}")
    argv = [*command, str(SCRIPT), str(ROOT), json.dumps(packages)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    assert len(rows) == len(packages) == 7
    for board, row in zip(all_boards(), rows, strict=True):
        if board.ps.cell == "processing_system7" and version.startswith("4."):
            # pynq 4 dropped the Zynq-7000: it looks for its clock under UltraScale+'s name.
            assert "cannot be loaded by pynq 4.0.0: TypeError" in row["error"]
            assert "take the image of 3.0.1" in row["error"]
            continue
        base = 0xA000_0000 if board.ps.cell == "zynq_ultra_ps_e" else 0x4000_0000
        assert row["loaded"] == ["accelerator.bit"]
        assert (row["dma"], row["accelerator"]) == (base, base + 0x10000), board.name
        assert row["dma_class"] == "pynq.lib.dma.DMA"
        assert row["max_bytes"] == (1 << 26) - 1
        assert row["clock_mhz"] == pytest.approx(row["closed_mhz"], abs=2e-6), board.name
