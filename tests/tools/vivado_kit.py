"""Put the fake Vivado and an accelerator for it in place (see tests/mock_tools/fake_vivado.py)."""

from __future__ import annotations

import sys
from pathlib import Path

from flow.board import Board
from flow.hardware.design import Design, MemoryInfo, sha256_of
from flow.hardware.emit import template
from flow.hardware.shell import shell_info, write_shell
from flow.hardware.stream import Stream

FAKE = Path(__file__).parents[1] / "mock_tools" / "fake_vivado.py"
STREAMS = (Stream(3, 8, False, 1024, False), Stream(1, 9, True, 10, False))
CORE = 'module bnn_top;\n  bnn_rom #(.MemFile("weights.mem")) u_rom ();\nendmodule\n'


def install_fake_vivado(root: Path, version: str = "2022.2") -> Path:
    """Make `root` look like an installation folder with one Vivado; return the program."""
    program = root / "Vivado" / version / "bin" / "vivado"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\nFAKE_VIVADO_VERSION={version} exec {sys.executable} {FAKE} "$@"\n'
    )
    program.chmod(0o755)
    return program


def write_accelerator(folder: Path, board: Board) -> Design:
    """Write a generated top and shell around an empty core; return the design that goes with it."""
    folder.mkdir(parents=True, exist_ok=True)
    shell = shell_info(*STREAMS, board.dma_width_bits, [])
    write_shell(template("accel.v.j2"), "test", folder, "bnn_top", STREAMS, shell)
    (folder / "bnn_top.sv").write_text(CORE)
    (folder / "weights.mem").write_text("0\n")
    memory = MemoryInfo(
        node="MVAU_0",
        parameter="MemFile",
        file="weights.mem",
        depth=1,
        width_bits=1,
        sha256=sha256_of(folder / "weights.mem"),
    )
    return Design(
        identity="0" * 64,
        shell=shell,
        input_shape=[1, 32, 32, 3],
        output_shape=[1, 10],
        nodes=[],
        streams=[],
        memories=[memory],
        sources=["bnn_top.sv"],
    )
