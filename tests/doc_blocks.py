"""Blocks of commands in Markdown, with the mark that says how each is tested."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(
    r"(?:^<!-- test: (?P<mark>[^\n]*?) -->\n)?^```(?P<language>[a-z]*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^(uv run|uv sync|flow |python3? |bash )")

OTHERS = {
    # Pages whose blocks carry no marks: which of their commands run where.
    "CONTRIBUTING.md": "skip: the steps of .ci/run, which CI runs",
    "docs/driver.md": "skip: runs in a package; tests/driver runs it",
    "docs/ip_core.md": "skip: runs in a package; tests/driver/test_ip_core.py, test_c_driver.py",
    "docs/docker.md": "skip: needs Docker and Vivado; tests/docker and tests/tools run stand-ins",
    "docs/boards.md": "skip: needs a board",
    "docs/bring_up.md": "skip: runs in a package; tests/driver/test_bring_up.py runs it",
}


@dataclass(frozen=True)
class Block:
    """One fenced block: its file, line, how it is tested, its commands after replacement."""

    path: Path
    line: int
    mode: str
    """run, slow, skip, or empty where the mark is missing."""
    reason: str
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """File and line, for test names."""
        return f"{self.path.name}:{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """The `flow` commands as argument lists, without `uv run`."""
        found = []
        for line in self.lines:
            words = shlex.split(line, comments=True)
            if words[:2] == ["uv", "run"]:
                words = words[2:]
                while words and words[0].startswith("--"):
                    words = words[2:] if words[0] == "--extra" else words[1:]
            if words and words[0] == "flow":
                found.append(words[1:])
        return found


def pages() -> list[Path]:
    """Return the pages whose commands are tested."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(path: Path) -> list[Block]:
    """Return the command blocks of a page; other fenced blocks (code, output) are left out."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        body = match["body"].replace("\\\n", " ")
        lines = [line for line in body.splitlines() if line.strip()]
        is_shell = match["language"] in ("sh", "bash", "shell", "console")
        if not is_shell and not (match["language"] == "" and lines and _COMMAND.match(lines[0])):
            continue
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        mode, reason, replacements = _read_mark(match["mark"] or OTHERS.get(name, ""))
        for old, new in replacements:
            lines = [line.replace(old, new) for line in lines]
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(path, line, mode, reason, tuple(lines)))
    return found


def _read_mark(mark: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Take "slow with A => B; C => D" or "skip: REASON" apart."""
    skipped = re.fullmatch(r"skip: (.+)", mark)
    if skipped:
        return "skip", skipped[1], []
    runs = re.fullmatch(r"(run|slow)(?: with (.+))?", mark)
    if not runs:
        return "", mark, []
    pairs = [part.split(" => ") for part in (runs[2] or "").split("; ") if part]
    return runs[1], "", [(old, new) for old, new in pairs]
