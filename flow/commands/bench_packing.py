"""`flow bench packing`: what the driver does with images and scores, timed beside a plain loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import typer

from driver.packing import pack_frames, unpack_scores
from flow.commands.output import print_json

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

_SIDE, _CHANNELS, _CLASSES = 32, 3, 10
_IN_BYTES, _OUT_BYTES, _ELEM_BITS = _SIDE * _SIDE * _CHANNELS, 32, 16
_LOOP_IMAGES = 50
"""Images the plain loop is timed on; a minute would be needed for all."""
_BATCH = 64


def packing(images: int, *, as_json: bool) -> None:
    """Time packing and unpacking of `images` CIFAR-sized images on one thread; print the rates."""
    measured = measure(images)
    if as_json:
        print_json(measured)
        return
    typer.echo(
        f"packing and unpacking {images:,} images of {_SIDE} x {_SIDE} x {_CHANNELS}: "
        f"{measured['images_per_second']:,.0f} images/s, {measured['speedup']:,.0f} times a loop "
        f"over elements ({measured['loop_images_per_second']:,.1f} images/s on "
        f"{measured['loop_images']} of them)"
    )


def measure(images: int) -> dict[str, Any]:
    """Return images a second of the driver's packing in batches, and of a loop over elements."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (images, _SIDE, _SIDE, _CHANNELS), dtype=np.uint8)
    raw = rng.integers(0, 256, images * _OUT_BYTES, dtype=np.uint8)
    buffer = np.zeros(_BATCH * _IN_BYTES, np.uint8)
    scores = np.zeros((images, _CLASSES), np.int32)
    buffer[:] = 1  # touch the pages once, as a driver's buffers have been
    vectorised = _seconds(lambda: _in_batches(pixels, raw, buffer, scores))
    part = min(images, _LOOP_IMAGES)
    looped_scores = np.zeros((part, _CLASSES), np.int32)
    looped = _seconds(lambda: _loop(pixels[:part], raw, buffer, looped_scores))
    if not np.array_equal(looped_scores, scores[:part]):
        raise RuntimeError("bench packing: the loop and the driver's packing differ")
    rate, loop_rate = images / vectorised, part / looped
    return {
        "images": images,
        "images_per_second": rate,
        "loop_images": part,
        "loop_images_per_second": loop_rate,
        "speedup": rate / loop_rate,
    }


def _in_batches(
    pixels: NDArray[np.uint8],
    raw: NDArray[np.uint8],
    buffer: NDArray[np.uint8],
    scores: NDArray[np.int32],
) -> None:
    for start in range(0, len(pixels), _BATCH):
        batch = pixels[start : start + _BATCH]
        pack_frames(batch, buffer, _IN_BYTES)
        end = start + len(batch)
        scores[start:end] = unpack_scores(
            raw[start * _OUT_BYTES : end * _OUT_BYTES], len(batch), _OUT_BYTES, _ELEM_BITS, _CLASSES
        )


def _loop(
    pixels: NDArray[np.uint8],
    raw: NDArray[np.uint8],
    buffer: NDArray[np.uint8],
    scores: NDArray[np.int32],
) -> None:
    """Do the same one element at a time, on Python's own numbers."""
    for n, image in enumerate(pixels.tolist()):
        position = (n % _BATCH) * _IN_BYTES
        for row in image:
            for pixel in row:
                for value in pixel:
                    buffer[position] = value
                    position += 1
        for k in range(_CLASSES):
            place = n * _OUT_BYTES + 2 * k
            value = int(raw[place]) | int(raw[place + 1]) << 8
            scores[n, k] = value - (1 << 16) if value >= 1 << 15 else value


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
