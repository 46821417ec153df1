"""Labelled images for training, checks and demos: CIFAR-10, or bundled photographs."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from driver.images import MODES, central_part
from flow.errors import UserError

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
SIDE = 32
_PIXELS = SIDE * SIDE
_RECORD_BYTES = 1 + 3 * _PIXELS
_BATCH_RECORDS = 10_000

# Photographs that the scikit-image wheel itself contains; its other samples would be downloaded.
_BUNDLED_PHOTOGRAPHS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")
_CROP_SIDES = (128, 192, 256)


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

    images: uint8, RGB or grey, shape (N, H, W, 3 or 1). labels: int64, shape (N,), class index or
    -1 if unknown.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.images)

    def take(self, count: int) -> ImageSet:
        """Return the first `count` images (all of them when there are fewer)."""
        return ImageSet(self.images[:count], self.labels[:count], self.class_names, self.source)


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


def load_images(root: Path, split: Split, shape: ImageShape = CIFAR10_SHAPE) -> ImageSet:
    """Load one split of whatever `root` holds: CIFAR-10, or folders of images by class.

    Folders: `root/train/CLASS/*.png` and `root/test/CLASS/*.png` (or .jpg, .jpeg, .bmp, .webp); the
    class names are the folders' names in alphabetical order, labels their positions. Images become
    RGB, or grey, of `shape`: the largest central part of its proportions, resized. CIFAR-10 is
    fitted too where `shape` is not its own. UserError where neither is there, a file cannot be
    read, or test and train differ in class.
    """
    if _is_image_folder(root):
        return _read_image_folder(root, split, shape)
    return fitted(load_cifar10(root, split), shape)


def fitted(data: ImageSet, shape: ImageShape) -> ImageSet:
    """Return the same RGB images in `shape`; the source says so where it changes them."""
    if data.images.shape[1:] == shape:
        return data
    height, width, channels = shape
    images = np.stack([_fitted(Image.fromarray(image), shape) for image in data.images])
    source = f"{data.source} at {width} x {height}{', grey' if channels == 1 else ''}"
    return ImageSet(images, data.labels, data.class_names, source)


def find_images(data_dir: Path | None, count: int, shape: ImageShape = CIFAR10_SHAPE) -> ImageSet:
    """Return `count` images of `shape`: test images of a data set, or photographs' crops.

    With `data_dir` the images are the first `count` of its test split, CIFAR-10 or folders by class
    (UserError if it has none or too few). Without, they are the same crops every time, labels -1,
    nothing downloaded.
    """
    if count < 1:
        raise UserError(f"datasets: {count} images asked for; ask for at least 1")
    if data_dir is None:
        return fitted(_photograph_crops(count), shape)
    found = load_images(data_dir, "test", shape)
    if len(found) < count:
        raise UserError(
            f"datasets: {count} images asked for, {data_dir} has {len(found)} test images; "
            f"ask for at most {len(found)}"
        )
    return found.take(count)


_IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})


def _is_image_folder(root: Path) -> bool:
    train = root / "train"
    return train.is_dir() and any(path.is_dir() for path in train.iterdir())


def _class_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _read_image_folder(root: Path, split: Split, shape: ImageShape) -> ImageSet:
    folders = _class_folders(root / split)
    names = tuple(path.name for path in folders)
    expected = tuple(path.name for path in _class_folders(root / "train"))
    if names != expected:
        differing = sorted(set(names) ^ set(expected))
        raise UserError(
            f"datasets: {root / split} and {root / 'train'} do not have the same classes "
            f"(different: {', '.join(differing)}); both need one folder for each class"
        )
    images, labels = [], []
    for label, folder in enumerate(folders):
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in _IMAGE_SUFFIXES)
        if not files:
            raise UserError(
                f"datasets: {folder} has no images; put .png or .jpg files there or remove it"
            )
        for path in files:
            images.append(read_photograph(path, shape))
            labels.append(label)
    return ImageSet(np.stack(images), np.array(labels, np.int64), names, f"images in {root.name}")


def read_photograph(path: Path, shape: ImageShape = CIFAR10_SHAPE) -> NDArray[np.uint8]:
    """Return the central part of an image file as uint8 of `shape`."""
    try:
        with Image.open(path) as image:
            return _fitted(image, shape)
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(
            f"datasets: {path} cannot be read as an image ({error}); replace or remove it"
        ) from error


def _fitted(image: Image.Image, shape: ImageShape) -> NDArray[np.uint8]:
    height, width, channels = shape
    if channels not in MODES:
        raise UserError(
            f"datasets: a picture has 3 channels, or 1 where it is grey; the network takes "
            f"images of {channels}"
        )
    cut = central_part(image.convert(MODES[channels]), width, height)
    if cut.size != (width, height):
        shrinks = cut.size > (width, height)
        cut = cut.resize(
            (width, height), Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
        )
    return np.asarray(cut, np.uint8).reshape(shape)


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


def _bundled_photographs() -> list[NDArray[np.uint8]]:
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise UserError(
            "datasets: scikit-image is not installed and no data folder was named; "
            "run `uv sync` or name a folder that holds CIFAR-10"
        )
    folder = Path(spec.origin).parent / "data"
    photographs = []
    for name in _BUNDLED_PHOTOGRAPHS:
        path = folder / name
        if not path.is_file():
            raise UserError(
                f"datasets: {path} is missing from the installed scikit-image; reinstall it with "
                "`uv sync` or name a folder that holds CIFAR-10"
            )
        photographs.append(np.asarray(Image.open(path).convert("RGB")))
    return photographs


def _photograph_crops(count: int) -> ImageSet:
    """Cut square crops at places drawn from a fixed seed, photograph after photograph."""
    photographs = _bundled_photographs()
    rng = np.random.default_rng(10)
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for index in range(count):
        photograph = photographs[index % len(photographs)]
        height, width = photograph.shape[:2]
        side = int(rng.choice(_CROP_SIDES))
        top = int(rng.integers(height - side + 1))
        left = int(rng.integers(width - side + 1))
        crop = Image.fromarray(photograph[top : top + side, left : left + side])
        images[index] = np.asarray(crop.resize((SIDE, SIDE), Image.Resampling.BOX))
    return ImageSet(
        images, np.full(count, -1, np.int64), (), "photographs bundled with scikit-image"
    )
