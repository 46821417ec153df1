"""Inputs from files: pictures, prepared as the training images were, or arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zipfile import BadZipFile

import numpy as np

from driver.errors import InputError

if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from numpy.typing import NDArray

    from driver.inputs import InputRule

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".webp")
MODES = {1: "L", 3: "RGB"}  # Pillow's, by the number of channels


class Inputs(NamedTuple):
    """Names, the integers that the accelerator takes, and the pixels where they are pictures.

    integers: (N, H, W, C) of an InputRule. pixels: uint8 (N, H, W, C), None for other inputs.
    """

    names: List[str]
    integers: NDArray[Any]
    pixels: Optional[NDArray[np.uint8]]


def load_inputs(source: Path, rule: InputRule) -> Inputs:
    """Read a photo, a folder of photos, or an .npy or .npz file of inputs.

    An .npy file holds one input or several, as `InputRule.integers` takes them; an .npz file holds
    them as `inputs`. Raises InputError naming the file for anything else.
    """
    if source.is_dir():
        files = sorted(p for p in source.iterdir() if p.suffix.lower() in SUFFIXES)
        if not files:
            raise InputError(f"{source} has no pictures ({', '.join(SUFFIXES)})")
        pixels = np.stack([_photo(path, rule) for path in files])
        return Inputs([path.name for path in files], rule.of_pixels(pixels), pixels)
    if not source.is_file():
        raise InputError(f"there is no file or folder {source}")
    if source.suffix.lower() in (".npy", ".npz"):
        values = with_batch(read_array(source), rule)
        integers = rule.integers(values, str(source))
        names = ["{}[{}]".format(source.name, k) for k in range(len(integers))]
        framed = rule.pictures and values.dtype == np.uint8 and values.shape == integers.shape
        return Inputs(names, integers, values if framed else None)
    pixels = _photo(source, rule)[None]
    return Inputs([source.name], rule.of_pixels(pixels), pixels)


def with_batch(values: NDArray[Any], rule: InputRule) -> NDArray[Any]:
    """Return inputs with their batch in front, also where a file holds a single one."""
    single = values.shape == rule.file_shape or (rule.pictures and values.shape == rule.shape)
    return values[None] if single else values


def prepare(picture: Any, image_shape: Tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return a Pillow image as uint8 (H, W, C): upright, its largest central part, area-averaged.

    A picture that has the network's size already is taken as it is, like the training images.
    """
    from PIL import Image, ImageOps

    height, width, channels = image_shape
    part = central_part(ImageOps.exif_transpose(picture).convert(MODES[channels]), width, height)
    if part.size != (width, height):
        # Pillow before 9.1, as in older board images, has the filters in the module itself.
        part = part.resize((width, height), getattr(Image, "Resampling", Image).BOX)
    return np.asarray(part, np.uint8).reshape(image_shape)


def central_part(picture: Any, width: int, height: int) -> Any:
    """Return the largest central part of a Pillow image that has the proportions asked for."""
    scale = min(picture.size[0] / width, picture.size[1] / height)
    across, down = round(width * scale), round(height * scale)
    left, top = (picture.size[0] - across) // 2, (picture.size[1] - down) // 2
    return picture.crop((left, top, left + across, top + down))


def _photo(path: Path, rule: InputRule) -> NDArray[np.uint8]:
    if not rule.pictures:
        raise InputError(f"{path}: {rule.describe()}, no pictures; give an .npy or .npz file")
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError(
            "pictures need Pillow, which is not installed here; run: pip3 install pillow, or give "
            "an .npy file"
        ) from error
    try:
        with Image.open(path) as picture:
            return prepare(picture, rule.shape)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is no picture that Pillow reads ({error})") from error


def read_array(path: Path, name: str = "inputs") -> NDArray[Any]:
    """Return the array of an .npy file, or `name` of an .npz file; InputError for anything else."""
    try:
        found = np.load(str(path), allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found as arrays:
            values: NDArray[Any] = arrays[name]
            return values
    except KeyError as error:
        raise InputError(f"{path} has no array '{name}'; write one with np.savez") from error
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(f"{path} is no .npy or .npz file of numbers ({error})") from error
