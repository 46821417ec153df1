"""Accuracy of the golden model on labelled images, and how much its tensors can tell."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flow.data.images import ImageSet
from flow.errors import GoldenError, UserError
from flow.frontend.golden.lower import lower_to_plain_onnx
from flow.frontend.golden.model import load_onnx
from flow.frontend.golden.session import GoldenSession

BLIND_FRACTION = 0.5


@dataclass(frozen=True)
class EvalResult:
    """Counts over labelled images; confusion: int64 (classes, classes), [label, predicted]."""

    correct: int
    total: int
    accuracy: float
    seconds: float
    confusion: NDArray[np.int64]


def evaluate(
    model_path: Path,
    images: ImageSet,
    *,
    batch: int = 100,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> EvalResult:
    """Run the golden model of a QONNX file over `images`.

    progress: called with (done, total) after every batch. A tie goes to the lower class index, as
    in the hardware's label select. UserError where an image has no label or an unknown class.
    """
    if batch < 1:
        raise UserError(f"eval: batch={batch}; use 1 or more")
    if len(images) == 0:
        raise UserError("eval: there are no images")
    session = GoldenSession(lower_to_plain_onnx(load_onnx(model_path)), threads)
    classes = session.golden.classes
    low, high = int(images.labels.min()), int(images.labels.max())
    if low < 0 or high >= classes:
        raise UserError(
            f"eval: labels run from {low} to {high} and {model_path} gives {classes} scores; every "
            f"image needs a label in 0..{classes - 1} ({images.source})"
        )
    confusion = np.zeros((classes, classes), np.int64)
    begin = time.perf_counter()
    for start in range(0, len(images), batch):
        stop = min(start + batch, len(images))
        predicted = session.golden.score_map.predicted(session.run(images.images[start:stop]))
        np.add.at(confusion, (images.labels[start:stop], predicted), 1)
        if progress is not None:
            progress(stop, len(images))
    seconds = time.perf_counter() - begin
    correct = int(np.trace(confusion))
    return EvalResult(correct, len(images), correct / len(images), seconds, confusion)


def blind_channels(values: NDArray[Any]) -> float:
    """Return the fraction of channels that are the same for every image.

    values: (N, C) or (N, C, H, W) with at least two images. A channel counts as constant if at
    every position it has one value over all images: comparing it cannot find a wrong network.
    """
    if values.ndim < 2 or values.shape[0] < 2 or values.shape[1] == 0:
        raise GoldenError(
            f"a tensor of shape {values.shape} cannot be judged; blindness needs two "
            "images or more and at least one channel"
        )
    same = (values == values[:1]).all(axis=(0, *range(2, values.ndim)))
    return float(np.mean(same))


def is_blind(values: NDArray[Any]) -> bool:
    """Tell whether most channels of (N, C, ...) are constant over the images."""
    return blind_channels(values) > BLIND_FRACTION
