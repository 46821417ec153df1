"""One compiled simulator for designs that differ in the depths of their FIFOs alone.

The depths of a simulation are given when it starts (see bnn_fifo), so what has measured them with
deep FIFOs simulates the finished design too. It is used only where everything else that was
compiled is the text of the finished design, character by character.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from flow.hardware.design import Design

_PROGRAM = "simulator"
_TEXT = "text.sha256"
_DEPTH = re.compile(r"(\.Depth\()\d+\)")


def keep_simulator(binary: Path, design: Design, rtl: Path, folder: Path) -> None:
    """Put the program that was compiled from `design`, its files in `rtl`, into `folder`."""
    shutil.move(binary, folder / _PROGRAM)
    (folder / _TEXT).write_text(text_hash(design, rtl) + "\n", encoding="ascii")


def kept_simulator(design: Design, rtl: Path, folder: Path) -> Path | None:
    """Return the program in `folder` if it simulates `design`, whose files lie in `rtl`."""
    text = folder / _TEXT
    if not text.is_file() or text.read_text(encoding="ascii").strip() != text_hash(design, rtl):
        return None
    return folder / _PROGRAM


def text_hash(design: Design, rtl: Path) -> str:
    """Return one hash over all that is compiled, the depths of the FIFOs left out."""
    digest = hashlib.sha256(str([design.loadable, *map(str, design.streams)]).encode())
    for name in design.sources:
        text = (rtl / name).read_text(encoding="utf-8")
        if name == f"{design.top}.sv":
            text = _DEPTH.sub(r"\1*)", text)
        digest.update(f"{name}\n{text}".encode())
    return digest.hexdigest()
