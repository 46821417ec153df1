"""Pictures from files, prepared as the network's training images were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from driver.errors import InputError

if TYPE_CHECKING:
    from typing import Any, List, Tuple

    from numpy.typing import NDArray

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".webp")
MODES = {1: "L", 3: "RGB"}  # Pillow's, by the number of channels


def load_images(
    source: Path, image_shape: Tuple[int, int, int]
) -> Tuple[List[str], NDArray[np.uint8]]:
    """Read a photo, an .npy file or a folder of photos: names, and uint8 (N, H, W, C).

    An .npy file holds uint8 (N, H, W, C) or (H, W, C) of the network's own shape, as it is. Raises
    InputError naming the file for anything else.
    """
    if source.is_dir():
        files = sorted(p for p in source.iterdir() if p.suffix.lower() in SUFFIXES)
        if not files:
            raise InputError(f"{source} has no pictures ({', '.join(SUFFIXES)})")
        pictures = [_photo(path, image_shape) for path in files]
        return [path.name for path in files], np.stack(pictures)
    if not source.is_file():
        raise InputError(f"there is no file or folder {source}")
    if source.suffix.lower() == ".npy":
        images = _array(source)
        check_images(images, image_shape, str(source))
        return ["{}[{}]".format(source.name, k) for k in range(len(images))], images
    return [source.name], _photo(source, image_shape)[None]


def check_images(images: NDArray[Any], image_shape: Tuple[int, int, int], where: str) -> None:
    """Raise InputError unless `images` is uint8 (N, *image_shape) with N >= 1."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != image_shape:
        raise InputError(
            f"{where}: is {images.dtype} {images.shape}; this accelerator takes uint8 "
            f"(N, {', '.join(str(side) for side in image_shape)}), pixels 0 to 255, channels last"
        )
    if not len(images):
        raise InputError(f"{where}: holds no image")


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


def _photo(path: Path, image_shape: Tuple[int, int, int]) -> NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError(
            "pictures need Pillow, which is not installed here; run: pip3 install pillow, or give "
            "an .npy file"
        ) from error
    try:
        with Image.open(path) as picture:
            return prepare(picture, image_shape)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is no picture that Pillow reads ({error})") from error


def _array(path: Path) -> NDArray[Any]:
    try:
        images: NDArray[Any] = np.load(str(path), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is no .npy file of numbers ({error})") from error
    return images[None] if images.ndim == 3 else images
