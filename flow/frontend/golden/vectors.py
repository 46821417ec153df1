"""What the golden model gave for some images, kept for everything that is compared with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driver.scores import ScoreMap, score_map_from_record


@dataclass(frozen=True)
class GoldenVectors:
    """What the golden model gave for some images.

    images: integers (N, H, W, C) of the model's InputRule; labels: int64 (N,), -1 where unknown;
    scores: float32 (N, classes); taps: codes of each activation quantiser in order, the input's
    first, int32 (N, C, ...).
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    taps: Sequence[tuple[str, NDArray[np.int32]]]
    source: str
    score_map: ScoreMap
    """What the scores stand for."""
    values: NDArray[np.float32] | None = None
    """What the images were made of, (N, H, W, C) in the terms of the file; None: numbers that the
    integers stand for (`flow.data.input_values.real_values`)."""

    def save(self, path: Path) -> None:
        """Write one .npz file."""
        arrays: dict[str, Any] = {
            "images": self.images,
            "labels": self.labels,
            "scores": self.scores,
            "source": np.array(self.source),
            "score_map": np.array(json.dumps(self.score_map._asdict())),
        }
        if self.values is not None:
            arrays["values"] = self.values
        arrays.update({f"tap{k:03d}:{name}": codes for k, (name, codes) in enumerate(self.taps)})
        np.savez_compressed(path, **arrays)

    def first(self, count: int) -> GoldenVectors:
        """Return the vectors of the first `count` images."""
        return replace(
            self,
            images=self.images[:count],
            labels=self.labels[:count],
            scores=self.scores[:count],
            taps=[(name, codes[:count]) for name, codes in self.taps],
            values=None if self.values is None else self.values[:count],
        )

    @classmethod
    def load(cls, path: Path) -> GoldenVectors:
        """Read what `save` wrote."""
        with np.load(path) as data:
            names = sorted(key for key in data.files if key.startswith("tap"))
            taps = [(name.partition(":")[2], data[name]) for name in names]
            arrays = (data["images"], data["labels"], data["scores"])
            score_map = score_map_from_record(json.loads(str(data["score_map"])))
            values = data["values"] if "values" in data.files else None
            return cls(*arrays, taps, str(data["source"]), score_map, values)
