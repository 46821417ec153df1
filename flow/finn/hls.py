"""FINN's own build of the folded graph: HLS layers, stitched IP, Zynq shell (`impl = "hls"`).

FINN's builder needs its whole launcher (PyTorch, MIP solver, ...) and Vitis HLS, so it runs as a
program of its own, in its own environment. What it gets is the graph after our streamlining,
padding repair and folding; its own conversion steps are left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flow.board import Board
from flow.errors import UserError
from flow.tools.process import Plan

FINN_BOARDS: Mapping[str, str] = {
    # Ours -> FINN's (pynq_part_map in finn/util/basic.py of finn-plus 1.6.1); it has no ZC706.
    "zcu104": "ZCU104",
    "pynq_z1": "Pynq-Z1",
    "pynq_z2": "Pynq-Z2",
    "ultra96v2": "Ultra96-V2",
    "kv260": "KV260_SOM",
    "aup_zu3": "AUP-ZU3_8GB",
}
STEPS = (
    # FINN's default steps from where our graph stands: converted, minimised and folded already.
    "step_create_dataflow_partition",
    "step_specialize_layers",
    "step_transpose_decomposition",
    "step_generate_estimate_reports",
    "step_generate_hardware",
    "step_create_stitched_ip",
    "step_prepare_synthesis",
    "step_synthesize_bitfile",
    "step_make_driver",
    "step_deployment_package",
)
OUTPUTS = ("estimate_reports", "stitched_ip", "bitfile", "pynq_driver", "deployment_package")
OUTPUT_DIR = "finn_output"
_BUILDER = "finn.builder.build_dataflow"
_INSTALL = "uv tool install finn-plus==1.6.1"
_PROBE_TIMEOUT_S = 300.0
_RESOURCES: Mapping[str, str] = {
    "LUT": "lut",
    "FF": "ff",
    "BRAM_36K": "bram36",
    "URAM": "uram",
    "DSP": "dsp",
}


def finn_board(board: Board) -> str:
    """Return FINN's name of a board. Raises UserError for one it does not know."""
    if board.id not in FINN_BOARDS:
        raise UserError(
            f'impl = "hls": FINN does not know the {board.name}; it knows '
            f'{", ".join(FINN_BOARDS.values())}. Use impl = "rtl" for this board'
        )
    return FINN_BOARDS[board.id]


def finn_config(board: Board, clock_mhz: float, target_fps: float) -> dict[str, Any]:
    """Return FINN's build configuration for a folded graph.

    `target_fps` is only repeated: FINN demands it, the folding is in the graph.
    """
    return {
        "output_dir": OUTPUT_DIR,
        "synth_clk_period_ns": round(1000 / clock_mhz, 4),
        "board": finn_board(board),
        "shell_flow_type": "vivado_zynq",
        "target_fps": round(target_fps),
        "generate_outputs": list(OUTPUTS),
        "steps": list(STEPS),
        "save_intermediate_models": True,
        "enable_build_pdb_debug": False,
    }


def plan_finn(board: Board, clock_mhz: float, target_fps: float, cwd: Path) -> Plan:
    """Plan FINN's build of `folded.onnx` in `cwd`; results come to `finn_output/`."""
    config = json.dumps(finn_config(board, clock_mhz, target_fps), indent=1) + "\n"
    argv = (
        *(str(find_finn() or "finn"), "build", "finn_build.json", "folded.onnx"),
        *("--batch", "--build-path", "finn_tmp"),
    )
    return Plan(argv, cwd, {cwd / "finn_build.json": config})


def find_finn() -> Path | None:
    """Return FINN's launcher outside of this environment.

    finn-plus is installed here, too, as a library: the launcher beside our Python lacks PyTorch and
    the solver that FINN's builder imports.
    """
    own = {Path(sys.executable).parent, Path(sys.prefix) / "bin"}
    for folder in os.get_exec_path():
        path = Path(folder) / "finn"
        if Path(folder).absolute() not in own and path.is_file() and os.access(path, os.X_OK):
            return path.absolute()
    return None


def broken_finn(launcher: Path) -> str | None:
    """Return why FINN's builder cannot be imported by the Python that runs `launcher`, or None."""
    with launcher.open(encoding="utf-8", errors="replace") as text:
        first = text.readline().strip()
    if not first.startswith("#!") or "python" not in first:
        return None  # not a Python script: a wrapper that knows better
    argv = [*first[2:].split(), "-c", f"import {_BUILDER}"]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = done.stderr.strip().splitlines()
    return None if done.returncode == 0 else (lines[-1] if lines else "no reason given")


def missing_finn_tool() -> str | None:
    """Return what FINN's build lacks on this machine, or None."""
    if shutil.which("git") is None:
        return (
            "git was not found on PATH: FINN fetches its dependencies with it, from the network. "
            "The container of flow build --docker has neither; build outside of it"
        )
    hls = shutil.which("vitis_hls") or shutil.which("vitis-run")
    if hls is None:
        return (
            "Vitis HLS was not found on PATH: FINN's HLS layers need it (source its settings64.sh)"
        )
    if shutil.which("vivado") is None:
        return "Vivado was not found on PATH: FINN's shell needs it"
    launcher = find_finn()
    if launcher is None:
        return (
            "FINN's launcher was not found on PATH outside of this flow's environment (the one in "
            f"it is a library only): {_INSTALL}"
        )
    reason = broken_finn(launcher)
    if reason is not None:
        return f"FINN's launcher {launcher} cannot import {_BUILDER}: {reason}; {_INSTALL}"
    return None


def read_resources(report: Path) -> dict[str, float]:
    """Return the counts in FINN's post_synth_resources.json, under our names."""
    rows = json.loads(report.read_text(encoding="utf-8"))
    top = rows.get("(top)", rows)
    counts = {ours: float(top[theirs]) for theirs, ours in _RESOURCES.items() if theirs in top}
    if "bram36" in counts:
        counts["bram36"] += top.get("BRAM_18K", 0) / 2
    return counts
