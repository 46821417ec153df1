"""Lines of FINN's RTL that Verilator cannot read, and the equal lines it is given instead.

Only the copy in the simulation's folder differs. A rewrite applies where its text occurs exactly
once; a later FINN that no longer has the text is simulated as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Rewrite:
    """In a file called `file`, `old` becomes `new`, which means the same, because `reason`."""

    file: str
    old: str
    new: str
    reason: str


REWRITES = (
    Rewrite(
        "fifo.sv",
        "typedef struct {",
        "typedef struct packed {",
        "Verilator evaluates no constant function that returns an unpacked struct",
    ),
)


def rewritten(source: Path, folder: Path) -> Path:
    """Return `source`, or the path of its rewritten copy in `folder`."""
    wanted = [rewrite for rewrite in REWRITES if rewrite.file == source.name]
    if not wanted:
        return source
    text = original = source.read_text(encoding="utf-8")
    for rewrite in wanted:
        if text.count(rewrite.old) == 1:
            text = text.replace(rewrite.old, rewrite.new)
    if text == original:
        return source
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / source.name
    copy.write_text(text, encoding="utf-8")
    return copy
