"""What a network is checked on: pictures, arrays that the user gives, or random values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from driver.errors import InputError
from driver.images import read_array, with_batch
from driver.inputs import InputRule
from flow.data.datasets import find_images, load_images
from flow.data.images import ImageSet
from flow.data.input_values import random_inputs, real_values
from flow.errors import UserError

ARRAYS = (".npy", ".npz")
_SEED = 10
_LOOKED_AT = 4096  # inputs among which those of a small check are chosen


def load_inputs(source: Path | None, rule: InputRule) -> ImageSet | None:
    """Return all test inputs of `source` as integers of `rule`; None where it has none for it.

    source: an .npy file of inputs as the network's file takes them, labels in NAME.labels.npy
    beside it; an .npz file with `inputs` and perhaps `labels`; a folder of pictures (`load_images`)
    where the network takes pictures. UserError naming what cannot be read or does not fit.
    """
    if source is None or (source.is_dir() and not rule.pictures):
        return None
    if source.is_dir():
        return _from_pictures(load_images(source, "test", rule.shape), rule)
    try:
        values = with_batch(read_array(source), rule)
        integers = rule.integers(values, str(source))
        labels = _labels(source, len(values))
    except InputError as error:
        raise UserError(f"--data: {error}") from error
    if (
        rule.has_steps
        and values.shape[1:] == rule.file_shape
        and not (rule.pictures and values.dtype.kind in "iu")
    ):
        real = np.ascontiguousarray(rule.frames(values)).astype(np.float32)
    elif rule.has_steps:
        real = rule.real_pixels(values if values.shape[1:] == rule.shape else rule.frames(values))
    else:
        real = real_values(rule, integers)
    return ImageSet(integers, labels, (), source.name, real)


def find_inputs(source: Path | None, count: int, rule: InputRule) -> ImageSet:
    """Return `count` inputs for a check: of `source`, else photographs, else random values.

    Of arrays those are chosen that together have as many different integers as possible; of
    pictures, the first ones. UserError where there are fewer than `count`.
    """
    if source is not None and source.is_file():
        data = load_inputs(source, rule)
        assert data is not None  # noqa: S101 - a file has inputs
        if len(data) < count:
            raise UserError(
                f"--data: {source} holds {len(data)} inputs, {count} are asked for; "
                f"set verify.images to {len(data)} or less"
            )
        chosen = _most_different(data.images, rule, count)
        return data.at(chosen)
    if rule.pictures:
        return _from_pictures(find_images(source, count, rule.shape), rule)
    images, values = random_inputs(rule, count, np.random.default_rng(_SEED))
    if rule.kind != "codes":
        return ImageSet(images, np.full(count, -1), (), "random integers")
    return ImageSet(images, np.full(count, -1), (), "random values of every code", values)


def _from_pictures(data: ImageSet, rule: InputRule) -> ImageSet:
    if not rule.has_steps:
        return data
    return replace(data, images=rule.of_pixels(data.images), values=rule.real_pixels(data.images))


def _labels(source: Path, count: int) -> NDArray[np.int64]:
    """Return the labels beside or in a file of inputs, -1 where there are none."""
    beside = source.with_suffix(".labels.npy")
    if source.suffix == ".npz":
        with np.load(source) as arrays:
            found = arrays["labels"] if "labels" in arrays.files else None
    else:
        found = read_array(beside) if beside.is_file() else None
    if found is None:
        return np.full(count, -1, np.int64)
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise InputError(
            f"{source}: its labels are {found.dtype} {found.shape}; integers ({count},) are needed"
        )
    labels: NDArray[np.int64] = found.astype(np.int64)
    return labels


def _most_different(images: NDArray[np.generic], rule: InputRule, count: int) -> NDArray[np.int64]:
    """Return the positions of `count` inputs, ascending; each adds the most integers not seen."""
    flat = images[:_LOOKED_AT].reshape(min(len(images), _LOOKED_AT), -1).astype(np.int64)
    present = np.zeros((len(flat), rule.high - rule.low + 1), bool)
    present[np.arange(len(flat))[:, None], flat - rule.low] = True
    left = np.ones(len(flat), bool)
    seen = np.zeros(present.shape[1], bool)
    for _ in range(count):
        gain = np.where(left, (present & ~seen).sum(axis=1), -1)
        best = int(gain.argmax())
        left[best] = False
        seen |= present[best]
    return np.flatnonzero(~left)
