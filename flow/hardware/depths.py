"""FIFO depths as data: words by FIFO name, and the file they are kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flow.errors import UserError


@dataclass(frozen=True)
class FifoDepths:
    """Depths of the FIFOs by name ("Fifo_MVAU_0"), and of those that are not named."""

    default_words: int
    words: Mapping[str, int]

    def of(self, name: str) -> int:
        """Return the depth of one FIFO."""
        return self.words.get(name, self.default_words)


def save_depths(depths: FifoDepths, path: Path) -> None:
    """Write depths as JSON."""
    record = {"default_words": depths.default_words, "words": dict(depths.words)}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def load_depths(path: Path) -> FifoDepths:
    """Read what `save_depths` wrote; UserError for anything else."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return FifoDepths(int(record["default_words"]), dict(record["words"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"size_fifos: {path} holds no FIFO depths ({error}); build again"
        ) from error
