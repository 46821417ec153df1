"""Vivado: find it, plan synthesis and place and route, run them, say what really went wrong.

The Tcl is in `board/common`; what is generated here only sets variables. Every script a run uses
lies in its folder, so that a run can be repeated there by hand.
"""

from __future__ import annotations

import contextlib
import math
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined

from driver.clocks import TOLERANCE
from flow.board import Board
from flow.environment import Environment, read_environment
from flow.errors import ToolError, UserError
from flow.paths import PACKAGE_DIR, boards_dir, shown
from flow.tools.process import Completed, Plan, execute

EXPECTED_VERSIONS = ("2022.2", "2024.2")
"""The versions the Tcl is written for; see docs/boards.md for what was run."""

DESIGN = "system"
"""Name of the block design, and of the files made from it (system.bit, system.hwh)."""

LOG_NAME = "vivado.log"
_MAX_THREADS = 8  # Vivado's own limit of general.maxThreads
_COMMON_SCRIPTS = (
    "procs.tcl",
    "project.tcl",
    "block_design.tcl",
    "synthesise.tcl",
    "implement.tcl",
)
_BOARD_SCRIPTS = ("ps.tcl", "timing.xdc")

_ERROR = re.compile(r"^(?:ERROR|FATAL_ERROR):")
_ECHO = re.compile(
    # Lines that only repeat that something failed before.
    r"\[(?:Common 17-39|Common 17-69|Common 17-53|Vivado_Tcl 4-\d+|Vivado 12-13638|flow)\]"
)
_LICENCE = re.compile(r"\[Common 17-345\]|licen[cs]e was not found|\[Common 17-\d+\].*licen[cs]e")
_KILLED = re.compile(r"exit status (?:-9|137)\b")


@dataclass(frozen=True)
class Vivado:
    """One installed Vivado."""

    program: Path

    @classmethod
    def locate(cls, version: str | None = None, env: Environment | None = None) -> Vivado:
        """Find Vivado: on PATH, then XILINX_VIVADO, then below XILINX_ROOT (newest first).

        With `version` only an installation of that version below XILINX_ROOT, or one whose path
        names the version, is taken. Raises UserError if there is none.
        """
        settings = env or read_environment()
        found = _installed(settings)
        if version is not None:
            found = [path for path in found if version in path.parts] or _any(found, version)
        if not found:
            wanted = f"Vivado {version}" if version else "Vivado"
            raise UserError(
                f"{wanted} was not found on PATH, in XILINX_VIVADO or below XILINX_ROOT; source "
                "its settings64.sh, or set XILINX_ROOT to the folder that holds Vivado/<version>"
            )
        return cls(found[0])

    def version(self) -> str:
        """Ask the program for its version ("2022.2"); "unknown" if it does not say."""
        try:
            told = subprocess.run(
                [str(self.program), "-version"],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return "unknown"
        match = re.search(r"vivado v(\d{4}\.\d+)", told, re.IGNORECASE)
        return match[1] if match else "unknown"


@dataclass(frozen=True)
class Job:
    """What is to be built, independent of the accelerator: the plans depend on nothing else."""

    name: str
    board: Board
    clock_mhz: float
    """What the PS makes (see Board.clock_mhz), and what timing is closed for."""
    accelerator: str
    """Verilog module that becomes a cell of the block design."""
    jobs: int = 4
    board_files: Path | None = None
    """Folder with board files that are not part of the installation."""


def plan_synthesis(vivado: Vivado, job: Job, cwd: Path) -> Plan:
    """Plan block design and synthesis in `cwd`, which has the accelerator's RTL in `rtl/`.

    Leaves `synthesised.dcp`, `system.hwh` and `utilization_synth.rpt` in `cwd`.
    """
    files = {cwd / "scripts" / name: text for name, text in _scripts(job.board).items()}
    files[cwd / "synthesis.tcl"] = _render("synthesis.tcl.j2", job)
    return Plan(_argv(vivado, "synthesis.tcl"), cwd, files)


def plan_implementation(vivado: Vivado, job: Job, cwd: Path) -> Plan:
    """Plan place and route of `synthesised.dcp` in `cwd`.

    Leaves `system.bit` and the reports timing, utilization, power, route and drc (.rpt).
    """
    names = ("procs.tcl", "implement.tcl", "timing.xdc")
    scripts = _scripts(job.board)
    files = {cwd / "scripts" / name: scripts[name] for name in names}
    files[cwd / "implementation.tcl"] = _render("implementation.tcl.j2", job)
    return Plan(_argv(vivado, "implementation.tcl"), cwd, files)


def board_scripts(board: Board) -> dict[str, Path]:
    """Return the board's own scripts by their label in fingerprints.

    Raises UserError if the board has none: it is then known for simulation only.
    """
    folder = boards_dir() / board.id
    missing = [name for name in _BOARD_SCRIPTS if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{shown(folder)}: {', '.join(missing)} missing: nobody has described the processing "
            f"system of {board.name} for Vivado yet; take another board's folder as a pattern"
        )
    return {f"board/{board.id}/{name}": folder / name for name in _BOARD_SCRIPTS}


def run_vivado(
    plan: Plan, *, timeout_s: float, step: Callable[[str], None] = lambda _text: None
) -> Completed:
    """Run a plan; `step` hears what Vivado is doing ("placement").

    Raises ToolError with the first line that says what is wrong, not the lines that follow from
    it: UserError if Vivado cannot be started.
    """
    log = plan.cwd / LOG_NAME
    console = plan.cwd / "console.log"
    with _followed(console, step):
        try:
            return execute(plan, log=console, timeout_s=timeout_s, first_error=first_error)
        except ToolError as error:
            kept = log if log.is_file() else console
            text = explain(error.first_error)
            raise ToolError("vivado", error.command, kept, text) from error


def first_error(log: str) -> str | None:
    """Return the first line of a Vivado log that names a cause.

    Lines that only say that something before them failed count if there is nothing better.
    """
    errors = [line.strip() for line in log.splitlines() if _ERROR.match(line)]
    causes = [line for line in errors if not _ECHO.search(line)]
    return next(iter(causes or errors), None)


def explain(message: str) -> str:
    """Add to a failure's first line what to do about it, where that is known."""
    if _LICENCE.search(message):
        return (
            f"{message}\n  next: point XILINXD_LICENSE_FILE (or LM_LICENSE_FILE) at a licence for "
            "this device; flow build --docker passes both on, and gives the container this "
            "machine's network, so that a licence bound to its host id (the address of a network "
            "card) is found; in Docker Desktop's virtual machine only a licence server works"
        )
    if _KILLED.search(message):
        return (
            f"{message}\n  next: it was killed from outside, as a rule for want of memory; close "
            "other programs or lower [vivado] jobs; flow build goes on at this stage"
        )
    return message


def asked_of_vivado(clock_mhz: float) -> float:
    """Return the clock to ask Vivado's PS for, so that it makes `clock_mhz`.

    Vivado divides the same PLL, but writes the reference clock with other digits; asked for less
    than a divisor makes by its own figures it would take the next divisor. So it is asked for a
    little more, rounded up to kHz.
    """
    return math.ceil(clock_mhz * (1 + TOLERANCE) * 1000) / 1000


def measured_values(log: str) -> dict[str, str]:
    """Return what the Tcl handed over with flow_value."""
    return dict(re.findall(r"^FLOW_VALUE: (\w+)=(.*)$", log, re.MULTILINE))


def _argv(vivado: Vivado, script: str) -> tuple[str, ...]:
    options = ("-mode", "batch", "-notrace", "-nojournal", "-log", LOG_NAME)
    return (str(vivado.program), *options, "-source", script)


def _scripts(board: Board) -> dict[str, str]:
    """Return every script a run may source, by its name in `scripts/`."""
    common = boards_dir() / "common"
    names = (*_COMMON_SCRIPTS, f"ps_{board.ps.cell}.tcl")
    texts = {name: (common / name).read_text(encoding="utf-8") for name in names}
    for path in board_scripts(board).values():
        texts[path.name] = path.read_text(encoding="utf-8")
    return texts


def _render(template: str, job: Job) -> str:
    templates = Templates(  # noqa: S701 - Tcl, not HTML
        loader=FileSystemLoader(PACKAGE_DIR / "templates" / "vivado"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template(template).render(
        name=job.name,
        board=job.board.name,
        design=DESIGN,
        part=job.board.part,
        accelerator=job.accelerator,
        clock_mhz=f"{job.clock_mhz:.6f}",
        ps_clock_mhz=f"{asked_of_vivado(job.clock_mhz):.3f}",
        dma_width_bits=job.board.dma_width_bits,
        jobs=job.jobs,
        threads=min(job.jobs, _MAX_THREADS),
        board_files="" if job.board_files is None else f"{{{job.board_files.absolute()}}}",
    )


def _installed(env: Environment) -> list[Path]:
    """Return every Vivado there is, the one to take first."""
    found = []
    on_path = shutil.which("vivado")
    if on_path is not None:
        found.append(Path(on_path))
    if env.xilinx_vivado is not None:
        found.append(env.xilinx_vivado / "bin" / "vivado")
    if env.xilinx_root is not None:
        # Until 2024.2 Vivado/<version>, since 2025.1 <version>/Vivado.
        layouts = ("Vivado/*/bin/vivado", "*/Vivado/bin/vivado")
        below = {path for layout in layouts for path in env.xilinx_root.glob(layout)}
        found += sorted(below, key=_year, reverse=True)
    return [path for path in found if path.is_file()]


def _any(found: list[Path], version: str) -> list[Path]:
    """Return the first installation that says it is of `version`, as a list."""
    return [path for path in found if Vivado(path).version() == version][:1]


def _year(path: Path) -> tuple[bool, str]:
    """Sort key: expected versions first, then by version."""
    match = re.search(r"\d{4}\.\d", str(path))
    version = match[0] if match else ""
    return version in EXPECTED_VERSIONS, version


@contextlib.contextmanager
def _followed(log: Path, step: Callable[[str], None]) -> Iterator[None]:
    """Call `step` for each FLOW_STEP line that appears in `log` while the body runs."""
    ended = threading.Event()

    def follow() -> None:
        seen, last = 0, False
        while not last:
            last = ended.wait(1.0)
            text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
            steps = re.findall(r"^FLOW_STEP: (.*)$", text, re.MULTILINE)
            for name in steps[seen:]:
                step(name)
            seen = len(steps)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
