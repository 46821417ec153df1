"""Packed JPEG archives of the photographs at hand, as `load_cifar10` reads them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from flow.data.datasets import find_images

PHOTOGRAPHS = 4


def write_archive(path: Path, images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    """Write images, shape (N, 32, 32, 3), as one archive; return their JPEG files."""
    files = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=95)
        files.append(buffer.getvalue())
    np.savez(
        path,
        jpeg=np.frombuffer(b"".join(files), np.uint8),
        offset=np.cumsum([0, *map(len, files)]).astype(np.uint32),
        label=labels,
    )
    return files


def write_photographs(folder: Path, train: int, test: int) -> Path:
    """Write crops of four photographs as train.npz and test.npz; label = photograph, 0..3."""
    folder.mkdir(parents=True, exist_ok=True)
    images = find_images(None, train + test).images
    labels = (np.arange(train + test) % PHOTOGRAPHS).astype(np.uint8)
    write_archive(folder / "train.npz", images[:train], labels[:train])
    write_archive(folder / "test.npz", images[train:], labels[train:])
    return folder
