"""What `flow build --dry-run` shows of the tools' calls: the exact commands and files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from flow.engine.stage import Stage
from flow.engine.state import Build
from flow.paths import shown
from flow.tools.process import Plan


@runtime_checkable
class PlansCommands(Protocol):
    """A stage that knows its tool calls before anything is built."""

    def commands(self, build: Build, cwd: Path) -> Sequence[Plan]:
        """Return what would be run in `cwd`, without touching the disk."""


def planned_commands(build: Build, stage: Stage) -> list[Plan]:
    """Return the tool calls of a stage; none for a stage that starts no planned tool.

    Raises UserError where the board or the configuration rules the stage out.
    """
    if not isinstance(stage, PlansCommands):
        return []
    return list(stage.commands(build, build.unfinished_dir(stage.id)))


def plan_lines(plan: Plan) -> list[str]:
    """Return a plan as lines a shell accepts; the files it writes come first, as comments."""
    lines = [
        f"#   writes {shown(path)} ({len(text.encode())} bytes, sha256 {_digest(text)[:12]})"
        for path, text in plan.files.items()
    ]
    return [*lines, f"    cd {shown(plan.cwd)} && {plan}"]


def plan_json(plan: Plan) -> Mapping[str, Any]:
    """Return a plan as JSON values, the files' texts included."""
    return {
        "cwd": os.fspath(plan.cwd),
        "argv": list(plan.argv),
        "env": dict(plan.env),
        "files": {os.fspath(path): text for path, text in plan.files.items()},
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
