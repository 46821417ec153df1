"""CIFAR-10 in each of the forms it is spread in."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from flow.data.images import CIFAR10_CLASSES, ImageSet, Split
from flow.errors import UserError

SIDE = 32
_PIXELS = SIDE * SIDE
_RECORD_BYTES = 1 + 3 * _PIXELS
_BATCH_RECORDS = 10_000


def load_cifar10(root: Path, split: Split) -> ImageSet:
    """Load one split of CIFAR-10 from whichever of its forms `root` holds.

    Looked for, in this order: the binary batches and the pickled Python batches (each in `root` or
    in its standard sub-folder), then packed JPEG archives `train.npz` and `test.npz` (arrays
    `jpeg`, `offset`, `label`). UserError where none is there or a file is not what it should be.
    """
    if split not in ("train", "test"):
        raise UserError(f"datasets: split {split!r} is not known; use 'train' or 'test'")
    found = _find_form(root, split)
    if found is None:
        raise UserError(
            f"datasets: no CIFAR-10 {split} data in {root}; expected cifar-10-batches-bin/, "
            f"cifar-10-batches-py/ or {split}.npz there; unpack cifar-10-binary.tar.gz into it "
            "or name another folder"
        )
    form, files = found
    if form == "jpeg":
        images, labels = _read_jpeg_archive(files[0])
        source = "CIFAR-10 (JPEG copy)"
    else:
        read = _read_binary_batch if form == "binary" else _read_pickled_batch
        parts = [read(path) for path in files]
        images = np.concatenate([part[0] for part in parts])
        labels = np.concatenate([part[1] for part in parts])
        source = "CIFAR-10"
    return ImageSet(images, labels, CIFAR10_CLASSES, source)


def _find_form(root: Path, split: Split) -> tuple[str, list[Path]] | None:
    numbered = [f"data_batch_{k}" for k in range(1, 6)] if split == "train" else ["test_batch"]
    for form, folder, suffix in (
        ("binary", "cifar-10-batches-bin", ".bin"),
        ("pickled", "cifar-10-batches-py", ""),
    ):
        for base in (root, root / folder):
            files = [base / f"{name}{suffix}" for name in numbered]
            present = [path.is_file() for path in files]
            if all(present):
                return form, files
            if any(present):
                missing = files[present.index(False)]
                raise UserError(
                    f"datasets: {missing} is missing beside the other CIFAR-10 {split} batches; "
                    "unpack the archive again"
                )
    archive = root / f"{split}.npz"
    return ("jpeg", [archive]) if archive.is_file() else None


def _checked_labels(path: Path, raw: NDArray[Any]) -> NDArray[np.int64]:
    """Return labels as int64 after a look at their range, which tells CIFAR-100 files too."""
    if raw.ndim != 1 or raw.size == 0 or not np.issubdtype(raw.dtype, np.integer):
        raise UserError(
            f"datasets: {path}: labels are {raw.dtype} of shape {raw.shape}; expected a non-empty "
            "list of integers; download the file again"
        )
    low, high = int(raw.min()), int(raw.max())
    if low < 0 or high >= len(CIFAR10_CLASSES):
        raise UserError(
            f"datasets: {path}: labels run from {low} to {high}; CIFAR-10 labels are 0 to 9; "
            "is this file another data set?"
        )
    return raw.astype(np.int64)


def _planes_to_nhwc(flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn rows of 1,024 red, green and blue pixels, shape (N, 3072), into (N, 32, 32, 3)."""
    planes = flat.reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def _read_binary_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    data = np.fromfile(path, np.uint8)
    if data.size != _RECORD_BYTES * _BATCH_RECORDS:
        raise UserError(
            f"datasets: {path} has {data.size} bytes; a CIFAR-10 batch has "
            f"{_RECORD_BYTES * _BATCH_RECORDS} ({_BATCH_RECORDS} records of {_RECORD_BYTES}); "
            "the file is cut off or another format: unpack the archive again"
        )
    records = data.reshape(-1, _RECORD_BYTES)
    return _planes_to_nhwc(records[:, 1:]), _checked_labels(path, records[:, 0])


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that builds NumPy arrays and plain containers only, so a file cannot run code."""

    _ALLOWED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not allowed")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _read_pickled_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        with path.open("rb") as file:
            batch = _ArrayUnpickler(file, encoding="bytes").load()
        pixels, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    except Exception as error:  # a damaged pickle may raise nearly anything
        raise UserError(
            f"datasets: {path} is not a CIFAR-10 Python batch ({type(error).__name__}: {error}); "
            "unpack cifar-10-python.tar.gz again"
        ) from error
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 3 * _PIXELS):
        raise UserError(
            f"datasets: {path}: data is {pixels.dtype} of shape {pixels.shape}; expected uint8 of "
            f"shape ({len(labels)}, {3 * _PIXELS}); unpack cifar-10-python.tar.gz again"
        )
    return _planes_to_nhwc(pixels), _checked_labels(path, labels)


def _read_jpeg_archive(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            jpeg, offset, label = archive["jpeg"], archive["offset"], archive["label"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"datasets: {path} is not a packed JPEG archive ({error}); expected the arrays "
            "jpeg, offset and label; copy the file again"
        ) from error
    labels = _checked_labels(path, label)
    ends_well = (
        jpeg.dtype == np.uint8
        and np.issubdtype(offset.dtype, np.integer)
        and offset.shape == (len(labels) + 1,)
        and offset[0] == 0
        and offset[-1] == jpeg.size
    )
    if not ends_well:
        raise UserError(
            f"datasets: {path}: the offsets (shape {offset.shape}) do not cover {len(labels)} "
            f"images in {jpeg.size} bytes of JPEG; the archive is damaged: copy it again"
        )
    images = np.empty((len(labels), SIDE, SIDE, 3), np.uint8)
    for index in range(len(labels)):
        data = jpeg[offset[index] : offset[index + 1]].tobytes()
        try:
            image = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise UserError(
                f"datasets: {path}: image {index} cannot be decoded ({error}); copy it again"
            ) from error
        if image.shape != (SIDE, SIDE, 3):
            raise UserError(
                f"datasets: {path}: image {index} is {image.shape[1]} x {image.shape[0]} pixels; "
                f"CIFAR-10 images are {SIDE} x {SIDE}"
            )
        images[index] = image
    return images, labels
