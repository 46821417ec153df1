"""A small labelled data set of real images for training tests: which photograph is a crop from?"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flow.datasets import find_images

PHOTOGRAPHS = 4


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny networks gain nothing from threads, and lose much on a busy machine."""
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed")
    torch.set_num_threads(1)


def write_photograph_data(folder: Path, train: int, test: int) -> Path:
    """Write crops as the packed archives that load_cifar10 reads; label = photograph, 0..3."""
    folder.mkdir(parents=True, exist_ok=True)
    images = find_images(None, train + test).images
    labels = (np.arange(train + test) % PHOTOGRAPHS).astype(np.uint8)
    for name, part in (("train", slice(0, train)), ("test", slice(train, None))):
        files = []
        for image in images[part]:
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "JPEG", quality=95)
            files.append(buffer.getvalue())
        np.savez(
            folder / f"{name}.npz",
            jpeg=np.frombuffer(b"".join(files), np.uint8),
            offset=np.cumsum([0, *map(len, files)]).astype(np.uint32),
            label=labels[part],
        )
    return folder


@pytest.fixture(scope="session")
def write_photographs() -> Callable[[Path, int, int], Path]:
    """Return the writer; tests choose folder and sizes."""
    return write_photograph_data
