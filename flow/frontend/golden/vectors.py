"""What the golden model gave for some images, kept for everything that is compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GoldenVectors:
    """What the golden model gave for some images.

    images: uint8 (N, H, W, C); labels: int64 (N,), -1 where unknown; scores: float32 (N, classes);
    taps: codes of each activation quantiser in order, the input's first, int32 (N, C, ...).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    taps: Sequence[tuple[str, NDArray[np.int32]]]
    source: str
    score_scale: float = 1.0
    """Real value of one step of the scores."""
    score_offset: float = 0.0
    """Real value of a score of 0."""

    def save(self, path: Path) -> None:
        """Write one .npz file."""
        arrays: dict[str, Any] = {
            "images": self.images,
            "labels": self.labels,
            "scores": self.scores,
            "source": np.array(self.source),
            "score_scale": np.array(self.score_scale),
            "score_offset": np.array(self.score_offset),
        }
        arrays.update({f"tap{k:03d}:{name}": codes for k, (name, codes) in enumerate(self.taps)})
        np.savez_compressed(path, **arrays)

    def first(self, count: int) -> GoldenVectors:
        """Return the vectors of the first `count` images."""
        return GoldenVectors(
            self.images[:count],
            self.labels[:count],
            self.scores[:count],
            [(name, codes[:count]) for name, codes in self.taps],
            self.source,
            self.score_scale,
            self.score_offset,
        )

    @classmethod
    def load(cls, path: Path) -> GoldenVectors:
        """Read what `save` wrote."""
        with np.load(path) as data:
            names = sorted(key for key in data.files if key.startswith("tap"))
            taps = [(name.partition(":")[2], data[name]) for name in names]
            arrays = (data["images"], data["labels"], data["scores"])
            scale, offset = float(data["score_scale"]), float(data["score_offset"])
            return cls(*arrays, taps, str(data["source"]), scale, offset)
