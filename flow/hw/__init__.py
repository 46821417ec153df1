"""Hardware layers: one FINN custom op per file, and what turns a graph of them into one design."""

from __future__ import annotations

from typing import Any


def custom_ops() -> list[type[Any]]:
    """Return the classes that are registered in FINN's RTL domain."""
    return []
