"""yosys: plan the synthesis of one module with given parameters, and read what it wrote."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flow.environment import package_version
from flow.errors import UserError
from flow.tools.process import Plan, execute

TESTED_VERSION = "0.70"
NETLIST = "netlist.json"
_SCRIPT = "script.ys"
_PRIMITIVES = "primitives.v"
_TOP = "top"
_FROM_CATALOGUE = ("DSP48E2", "RAMB18E2", "RAMB36E2", "URAM288")
"""What yosys' maps for xc7, xcu and xcup instantiate and cells_sim.v does not define."""


@dataclass(frozen=True)
class SynthesisJob:
    """One module to map: which files, which parameters, onto which family."""

    module: str
    sources: tuple[Path, ...]
    """SystemVerilog files, in any order."""
    parameters: Mapping[str, int | str]
    """A str is a SystemVerilog literal: `1'b1`, or `"name.mem"` with its quotes."""
    family: str
    """`xc7`, `xcu` or `xcup`."""
    black_boxes: frozenset[str] = frozenset()
    """Modules left as cells of their own in the netlist, for the caller to count."""
    open_outputs: tuple[str, ...] = ()
    """Outputs that nobody reads in the design: what only drives them is left out."""


def missing() -> str | None:
    """Return why yosys cannot run here, or None."""
    if importlib.util.find_spec("pyosys") is None:
        return "pyosys is not installed; `pip install pyosys` brings yosys"
    return None


def version() -> str:
    """Return the version of the installed pyosys."""
    return package_version("pyosys")


def plan_synthesis(job: SynthesisJob, directory: Path) -> Plan:
    """Plan `synth_xilinx -flatten` of `job` in `directory`; the result is its netlist.json."""
    boxed = [s for s in job.sources if s.stem in job.black_boxes]
    plain = [s for s in job.sources if s.stem not in job.black_boxes]
    stubs = {directory / f"{source.stem}_box.sv": _stub(source) for source in boxed}
    lines = [f"read_verilog -sv -lib {stub.name}" for stub in stubs]
    lines += [f"read_verilog -sv -defer {_quoted(source)}" for source in plain]
    values = "".join(
        f" -chparam {name} {literal(value)}" for name, value in sorted(job.parameters.items())
    )
    lines += [
        f"hierarchy -top {job.module}{values}",
        f"rename -top {_TOP}",
        *(f"delete -port {_TOP}/o:{name}" for name in job.open_outputs),
        *map_commands(job.family, _TOP),
    ]
    return plan_script(lines, directory, stubs)


def plan_script(
    lines: Iterable[str], directory: Path, files: Mapping[Path, str] | None = None
) -> Plan:
    """Plan a script of yosys_script.py in `directory`; what `map_commands` reads is there."""
    texts = {directory / _SCRIPT: "\n".join(lines) + "\n", directory / _PRIMITIVES: primitives()}
    argv = (sys.executable, "-m", "flow.tools.yosys_script", _SCRIPT)
    return Plan(argv, directory, {**texts, **(files or {})})


def map_commands(family: str, top: str) -> list[str]:
    """Return what maps the module `top` onto `family` and writes `NETLIST`.

    It is `synth_xilinx -flatten` without two things that take seconds however small the module is:
    reading Xilinx' whole catalogue, and the map of block RAM where there is no memory.
    """
    synth = f"synth_xilinx -family {family} -flatten -noiopad -noclkbuf -top {top} -run"
    return [
        "read_verilog -lib -specify +/xilinx/cells_sim.v",
        f"read_verilog -lib {_PRIMITIVES}",
        f"hierarchy -check -top {top}",
        f"{synth} prepare:map_memory",
        f"where t:$mem*: {synth} map_memory:map_ffram",
        f"{synth} map_ffram:",
        f"write_json {NETLIST}",
    ]


@cache
def primitives() -> str:
    """Return the modules of yosys' catalogue that its maps instantiate, for `read_verilog -lib`.

    Raises UserError where a yosys keeps them elsewhere.
    """
    spec = importlib.util.find_spec("pyosys")
    if spec is None or spec.origin is None:
        raise UserError(f"yosys: {missing()}")
    catalogue = Path(spec.origin).parent / "share" / "xilinx" / "cells_xtra.v"
    text = catalogue.read_text(encoding="utf-8") if catalogue.is_file() else ""
    found = []
    for name in _FROM_CATALOGUE:
        module = re.search(rf"^module {name}\s*\(.*?^endmodule$", text, re.MULTILINE | re.DOTALL)
        if module is None:
            raise UserError(
                f"{catalogue}: {name} is not there; install the yosys that is tested: "
                f"pip install pyosys=={TESTED_VERSION}"
            )
        found.append(f"{module[0]}\n")
    return "".join(found)


def timed_synthesis(
    job: SynthesisJob, directory: Path, timeout_s: float
) -> tuple[float, dict[str, Any]]:
    """Run `job` in the existing `directory`; return seconds and the mapped top (yosys JSON).

    Raises UserError where there is no yosys, ToolError where it fails or takes too long.
    """
    reason = missing()
    if reason is not None:
        raise UserError(f"yosys: {reason}")
    plan = plan_synthesis(job, directory)
    log = directory / "yosys.log"
    done = execute(plan, log=log, timeout_s=timeout_s, first_error=first_error)
    modules = json.loads((directory / NETLIST).read_text(encoding="utf-8"))["modules"]
    return done.seconds, modules[_TOP]


def literal(value: int | str) -> str:
    """Return a parameter as `-chparam` takes it: yosys reads no strings there, but bits."""
    if isinstance(value, int):
        return str(value)
    if len(value) > 1 and value[0] == value[-1] == '"':
        text = value[1:-1].encode("ascii")
        return f"{8 * len(text)}'h{text.hex()}" if text else "8'h00"
    return value


def parameter_value(text: Any) -> int | str:
    """Return a parameter of a netlist cell: bits as an int, anything else as the text it is."""
    if isinstance(text, int):
        return text
    return int(text, 2) if re.fullmatch(r"[01]+", text) else text.rstrip()


def parameter_text(text: Any) -> str:
    """Return a string parameter of a netlist cell, whether yosys kept it as text or as bits."""
    value = parameter_value(text)
    if isinstance(value, str):
        return value
    return value.to_bytes((value.bit_length() + 7) // 8, "big").decode("ascii", "replace")


def first_error(log: str) -> str | None:
    """Return yosys' first ERROR line, else a Python one."""
    for mark in ("ERROR:", "Error:", "error:"):
        for line in log.splitlines():
            if mark in line:
                return line.strip()
    return None


def module_closure(folder: Path, module: str) -> tuple[Path, ...]:
    """Return `module`'s file in `folder` and those of all modules below it, by name.

    Raises UserError if there is no such file.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = folder / f"{name}.sv"
        if name in found:
            continue
        if not path.is_file():
            raise UserError(f"{path}: module {name} has no file here; run flow build again")
        found[name] = path
        text = path.read_text(encoding="utf-8")
        waiting += re.findall(r"^\s*(bnn_\w+)\s*(?:#\s*\(|u_)", text, re.MULTILINE)
    return tuple(found[name] for name in sorted(found))


def _stub(source: Path) -> str:
    """Return a module's header alone; UserError where it does not end in a line `);`."""
    text = source.read_text(encoding="utf-8")
    header = re.search(r"^module\b.*?^\);$", text, re.MULTILINE | re.DOTALL)
    if header is None:
        raise UserError(f'{source}: no module header that ends in a line ");" found')
    return f"(* blackbox *)\n{header[0]}\nendmodule\n"


def _quoted(path: Path) -> str:
    return f'"{path}"' if re.search(r"\s", str(path)) else str(path)
