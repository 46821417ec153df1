"""Images with their labels, and the names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "test"]
ImageShape = tuple[int, int, int]
"""Height, width and channels: 3 for RGB, 1 for grey."""

CIFAR10_SHAPE: ImageShape = (32, 32, 3)
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def names_of_classes(count: int, known: Sequence[str], *, cifar10: bool) -> list[str]:
    """Return one name a class: those `known`, else CIFAR-10's for ten if `cifar10`, else numbers.

    known: from the model's file, empty where it carries none.
    """
    if known:
        return list(known)
    if cifar10 and count == len(CIFAR10_CLASSES):
        return list(CIFAR10_CLASSES)
    return [f"class {k}" for k in range(count)]


def class_names(count: int, source: str, known: Sequence[str] = ()) -> list[str]:
    """Return one name a class: those `known`, else CIFAR-10's for images from there (`source`)."""
    return names_of_classes(count, known, cifar10=source.startswith("CIFAR-10"))


@dataclass(frozen=True)
class ImageSet:
    """Images with their labels and the words that a report uses for where they come from.

    images: uint8, RGB or grey, (N, H, W, 3 or 1); of a network that takes other inputs, the
    integers of its InputRule, (N, H, W, C). labels: int64, shape (N,), class index or -1 if
    unknown. values: float32 of the same order, what codes were made of; None for pixels.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    source: str
    values: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, count: int) -> ImageSet:
        """Return the first `count` images (all of them when there are fewer)."""
        return self.at(slice(count))

    def at(self, chosen: slice | NDArray[np.int64]) -> ImageSet:
        """Return the images at some positions."""
        values = None if self.values is None else self.values[chosen]
        return replace(self, images=self.images[chosen], labels=self.labels[chosen], values=values)
