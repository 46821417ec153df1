"""What tests do with compiled libraries."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from driver.cpu import CpuBackend

Compile = Callable[..., Path]


def backends(library: Path, threads: int = 2) -> list[CpuBackend]:
    """Return a backend of each instruction set that this machine has, the portable one first."""
    found = [CpuBackend(library, "portable", threads)]
    for isa in ("avx2", "avx512"):
        with contextlib.suppress(ValueError):  # this machine does not have it
            found.append(CpuBackend(library, isa, threads))
    return found
