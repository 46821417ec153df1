"""Compile the accelerator with its shell into the program that the driver's sim backend runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flow.hardware.sources import LINT_WAIVERS
from flow.tools.process import execute
from flow.tools.verilator import Verilator, first_error

if TYPE_CHECKING:
    from flow.hardware.design import Design

SERVER = Path(__file__).with_name("server.cpp")
PROGRAM = "bnn_accel_sim"


def build_simulator(
    design: Design, rtl: Path, folder: Path, *, timeout_s: float, jobs: int = 2
) -> Path:
    """Compile `design`, whose files lie in `rtl`; return the program, below `folder`.

    It needs nothing but libc and libm of the machine it runs on, and the memory images of the
    design in its working directory. Raises ToolError with the first error of Verilator or of the
    compiler.
    """
    verilator = Verilator.locate()
    obj = folder / "obj"
    sources = [*design.sources, *design.shell.sources]
    plan = verilator.plan_build(
        [LINT_WAIVERS, *(rtl / name for name in sources)],
        top=design.shell.top,
        build_dir=obj,
        cpp=[SERVER],
        optimize="-O2",
        cflags=["-std=c++17"],
        jobs=jobs,
    )
    static = ("-LDFLAGS", "-static-libstdc++ -static-libgcc")
    execute(
        replace(plan, argv=(*plan.argv, *static)),
        log=folder / "build.log",
        timeout_s=timeout_s,
        first_error=first_error,
    )
    return verilator.executable(design.shell.top, obj)


def collect_simulator(design: Design, rtl: Path, program: Path, target: Path) -> None:
    """Put the program and the memory images it reads into the folder `target`.

    What is loaded after reset is none of them: the driver sends it.
    """
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(program, target / PROGRAM)
    for memory in design.memories:
        if memory.loaded:
            continue
        shutil.copyfile(rtl / memory.file, target / memory.file)
