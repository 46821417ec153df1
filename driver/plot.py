"""A picture of a result: the image, and bars of its class probabilities (figure 6 of the paper)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driver.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, List

    from numpy.typing import NDArray

_SIDE, _ROW, _LABEL, _BAR, _MARGIN = 256, 24, 110, 260, 16
_INK, _BEST, _OTHER = (30, 30, 30), (31, 119, 80), (150, 170, 190)


def draw(image: NDArray[np.uint8], shares: NDArray[np.float64], names: List[str]) -> Any:
    """Return a Pillow image: uint8 (H, W, C) enlarged, beside a bar for each class."""
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise InputError("--plot: needs Pillow; run: pip3 install pillow") from error
    height = max(_SIDE, _ROW * len(names)) + 2 * _MARGIN
    width = 3 * _MARGIN + _SIDE + _LABEL + _BAR + 60
    canvas = Image.new("RGB", (width, height), "white")
    pixels = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    photo = Image.fromarray(pixels).resize((_SIDE, _SIDE), 0)  # 0: nearest, in every Pillow
    canvas.paste(photo, (_MARGIN, (height - _SIDE) // 2))
    pen = ImageDraw.Draw(canvas)
    left = 2 * _MARGIN + _SIDE + _LABEL
    best = int(np.argmax(shares))
    for k, (name, share) in enumerate(zip(names, shares)):  # noqa: B905  # strict= needs 3.10
        top = _MARGIN + k * _ROW
        pen.text((2 * _MARGIN + _SIDE, top + 4), name, fill=_INK)
        end = left + max(1, round(_BAR * float(share)))
        pen.rectangle((left, top + 3, end, top + _ROW - 5), fill=_BEST if k == best else _OTHER)
        pen.text((end + 6, top + 4), f"{100 * float(share):.1f} %", fill=_INK)
    return canvas


def save(path: Path, picture: Any) -> None:
    """Write a picture; raises InputError if it cannot be written there."""
    try:
        picture.save(str(path))
    except (OSError, ValueError) as error:
        raise InputError(f"--plot: {path} cannot be written ({error})") from error
