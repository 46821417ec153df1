"""Labelled images for training, checks and demos: CIFAR-10, folders by class, or photographs.

Pictures of any other size than the network's are prepared by `driver.images.prepare`, the same
function that runs on the board.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from driver.images import MODES, prepare
from flow.data.cifar10 import load_cifar10
from flow.data.images import CIFAR10_SHAPE, ImageSet, ImageShape, Split
from flow.data.photographs import photograph_crops
from flow.errors import UserError


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
    _require_colours(shape)
    height, width, channels = shape
    images = np.stack([prepare(Image.fromarray(image), shape) for image in data.images])
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
        return fitted(photograph_crops(count), shape)
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
    """Return an image file as uint8 of `shape`, prepared as the driver does it on the board."""
    _require_colours(shape)
    try:
        with Image.open(path) as image:
            return prepare(image, shape)
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(
            f"datasets: {path} cannot be read as an image ({error}); replace or remove it"
        ) from error


def _require_colours(shape: ImageShape) -> None:
    if shape[2] not in MODES:
        raise UserError(
            f"datasets: a picture has 3 channels, or 1 where it is grey; the network takes "
            f"images of {shape[2]}"
        )
