"""The kernels' SystemVerilog files, and which of them a module needs."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

RTL_SOURCE_DIR = Path(__file__).with_name("rtl") / "src"
LINT_WAIVERS = Path(__file__).with_name("rtl") / "lint" / "waivers.vlt"
"""Read by Verilator in front of the sources: each waiver is narrow and has its reason."""


@cache
def module_sources(module: str) -> list[Path]:
    """Return the files of a kernel: those of the modules it instantiates first, its own last."""
    path = RTL_SOURCE_DIR / f"{module}.sv"
    found: list[Path] = []
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"^\s*(bnn_\w+)\s*(?:#\s*\(|u_)", text, re.M):
        if name != module:
            found += module_sources(name)
    return [*dict.fromkeys(found), path]
