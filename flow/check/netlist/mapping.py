"""Map modules with yosys, memories and all: as `flow/tools/yosys.py` does, several at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flow.errors import UserError
from flow.tools import yosys
from flow.tools.process import Plan, execute

_TOP = "all_of_them"


@dataclass(frozen=True)
class HdlModule:
    """One module with its parameters: an int, or a SystemVerilog literal as text."""

    module: str
    parameters: Mapping[str, int | str]


def plan_mapping(
    targets: Mapping[str, HdlModule],
    sources: Sequence[Path],
    family: str,
    directory: Path,
    keep: Sequence[str] = (),
) -> Plan:
    """Plan `synth_xilinx -flatten` of all `targets` in `directory`, where memory images lie.

    The result is netlist.json, a module for each name. The libraries are read once for all of
    them, which takes longer than a small module does; each is flattened and then kept apart, so
    that nothing is optimised across. `keep`: names of nets, in the flat modules, that stay.
    """
    lines = [
        "read_verilog -sv -defer " + " ".join(_quoted(source) for source in sources),
        "design -save sources",
    ]
    for name, target in targets.items():
        values = "".join(
            f" -chparam {parameter} {yosys.literal(value)}"
            for parameter, value in sorted(target.parameters.items())
        )
        lines += [
            "design -load sources",
            f"hierarchy -top {target.module}{values}",
            f"rename -top {name}",
            "proc",
            "flatten",
            *(f"setattr -set keep 1 {name}/w:{net}" for net in keep),
            f"setattr -mod -set keep_hierarchy 1 {name}",
            f"design -stash of_{name}",
        ]
    lines.append("design -reset")
    lines += [f"design -copy-from of_{name} {name}" for name in targets]
    lines += [
        f"read_verilog {_TOP}.v",
        *yosys.map_commands(family, _TOP),
    ]
    instances = "".join(f"  (* keep *) {name} u_{name} ();\n" for name in targets)
    top = {directory / f"{_TOP}.v": f"module {_TOP};\n{instances}endmodule\n"}
    return yosys.plan_script(lines, directory, top)


def map_targets(
    targets: Mapping[str, HdlModule],
    sources: Sequence[Path],
    family: str,
    directory: Path,
    timeout_s: float,
    keep: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """Run the plan in the existing `directory`; return each target's flat netlist by name.

    Raises UserError where there is no yosys, ToolError where it fails or takes too long.
    """
    reason = yosys.missing()
    if reason is not None:
        raise UserError(f"yosys: {reason}")
    plan = plan_mapping(targets, sources, family, directory, keep)
    log = directory / "yosys.log"
    execute(plan, log=log, timeout_s=timeout_s, first_error=yosys.first_error)
    modules = json.loads((directory / yosys.NETLIST).read_text(encoding="utf-8"))["modules"]
    return {name: modules[name] for name in targets}


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
