"""Crops of photographs that come with scikit-image: images where no data set is at hand."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flow.data.images import ImageSet
from flow.errors import UserError

# Photographs that the scikit-image wheel itself contains; its other samples would be downloaded.
_BUNDLED = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")
_CROP_SIDES = (128, 192, 256)
_SIDE = 32


def _bundled_photographs() -> list[NDArray[np.uint8]]:
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise UserError(
            "datasets: scikit-image is not installed and no data folder was named; "
            "run `uv sync` or name a folder that holds CIFAR-10"
        )
    folder = Path(spec.origin).parent / "data"
    photographs = []
    for name in _BUNDLED:
        path = folder / name
        if not path.is_file():
            raise UserError(
                f"datasets: {path} is missing from the installed scikit-image; reinstall it with "
                "`uv sync` or name a folder that holds CIFAR-10"
            )
        photographs.append(np.asarray(Image.open(path).convert("RGB")))
    return photographs


def photograph_crops(count: int) -> ImageSet:
    """Cut square crops at places drawn from a fixed seed, photograph after photograph."""
    photographs = _bundled_photographs()
    rng = np.random.default_rng(10)
    images = np.empty((count, _SIDE, _SIDE, 3), np.uint8)
    for index in range(count):
        photograph = photographs[index % len(photographs)]
        height, width = photograph.shape[:2]
        side = int(rng.choice(_CROP_SIDES))
        top = int(rng.integers(height - side + 1))
        left = int(rng.integers(width - side + 1))
        crop = Image.fromarray(photograph[top : top + side, left : left + side])
        images[index] = np.asarray(crop.resize((_SIDE, _SIDE), Image.Resampling.BOX))
    return ImageSet(
        images, np.full(count, -1, np.int64), (), "photographs bundled with scikit-image"
    )
