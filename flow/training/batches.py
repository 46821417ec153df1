"""Training batches in memory: split, order, flips and shifts, each a function of the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flow.data.images import ImageSet
from flow.errors import UserError
from flow.training.recipe import Recipe


@dataclass(frozen=True)
class Samples:
    """Images uint8, shape (N, 3, H, W), with labels int64, shape (N,), on one device."""

    images: Tensor
    labels: Tensor

    @classmethod
    def from_images(cls, data: ImageSet, device: torch.device) -> Samples:
        """Copy an image set to `device`."""
        images = torch.from_numpy(data.images).permute(0, 3, 1, 2).contiguous()
        return cls(images.to(device), torch.from_numpy(data.labels).to(device))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor) -> Samples:
        return Samples(self.images[index], self.labels[index])


def split_train_validation(data: Samples, recipe: Recipe) -> tuple[Samples, Samples]:
    """Hold out `validation_images` by a permutation that depends on the seed alone."""
    room = len(data) - recipe.validation_images
    if room < recipe.batch_images:
        raise UserError(
            f"train: {len(data)} images less {recipe.validation_images} for validation leave "
            f"{max(room, 0)}; at least one batch of {recipe.batch_images} is needed: lower "
            "validation_images or batch_images"
        )
    order = torch.from_numpy(np.random.default_rng(recipe.seed).permutation(len(data)))
    order = order.to(data.labels.device)
    held_out, rest = order[: recipe.validation_images], order[recipe.validation_images :]
    return data[rest[: recipe.train_images]], data[held_out]


def to_pixels(images: Tensor) -> Tensor:
    """Turn uint8 images into the networks' input: float32 in [0, 1], channels last in memory."""
    return (images.float() / 255.0).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class _EpochPlan:
    """The random choices of one epoch, drawn on the CPU and moved to the device at once.

    order: int64 (steps, B) image numbers. mirrored: bool (steps, B). moves, holes: int64
    (steps, 2, B), rows and columns. Absent where the recipe does not ask for them.
    """

    order: Tensor
    mirrored: Tensor | None
    moves: Tensor | None
    holes: Tensor | None


def _plan(count: int, side: int, recipe: Recipe, epoch: int, device: torch.device) -> _EpochPlan:
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
    size, steps = recipe.batch_images, count // recipe.batch_images
    order = torch.randperm(count, generator=generator)[: steps * size].reshape(steps, size)
    mirrored, moves, holes = [], [], []
    for _ in range(steps):
        if recipe.flip:
            mirrored.append(torch.rand(size, generator=generator) < 0.5)
        if recipe.crop_pixels:
            reach = 2 * recipe.crop_pixels + 1
            moves.append(torch.randint(0, reach, (2, size), generator=generator))
        if recipe.cutout_pixels:
            holes.append(torch.randint(0, side, (2, size), generator=generator))

    def on_device(parts: list[Tensor]) -> Tensor | None:
        return torch.stack(parts).to(device) if parts else None

    return _EpochPlan(order.to(device), on_device(mirrored), on_device(moves), on_device(holes))


def training_batches(
    data: Samples,
    recipe: Recipe,
    epoch: int,
    *,
    rank: int = 0,
    processes: int = 1,
    at_once: int | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the augmented batches of one epoch; the same for the same seed and epoch.

    Everything happens on the device of `data`, which holds the images as uint8. Incomplete last
    batches are left out: BatchNorm would see too few images. Of several processes each gets its
    own part of every batch. `at_once` batches are made by one launch of every kernel (it changes no
    batch); by itself 1 on a CPU and 25 on a GPU, which launches more slowly than it runs.
    """
    device = data.labels.device
    at_once = at_once or (1 if device.type == "cpu" else 25)
    plan = _plan(len(data), data.images.shape[-1], recipe, epoch, device)
    mine = slice(rank, None, processes)
    for first in range(0, len(plan.order), at_once):
        steps = slice(first, first + at_once)
        batch = data[plan.order[steps, mine].reshape(-1)]
        pixels = _augmented(batch.images, plan, recipe, steps, mine)
        count = len(range(recipe.batch_images)[mine])
        yield from zip(pixels.split(count), batch.labels.split(count), strict=True)  # type: ignore[no-untyped-call]


def _augmented(
    images: Tensor, plan: _EpochPlan, recipe: Recipe, steps: slice, mine: slice
) -> Tensor:
    """Return the pixels of the images of some steps, one after another."""
    if plan.mirrored is not None:  # moved about as bytes: a quarter of the work
        mirrored = plan.mirrored[steps, mine].reshape(-1)
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    if plan.moves is not None:
        moves = plan.moves[steps, :, mine].transpose(0, 1).reshape(2, -1)
        images = _shift(images, recipe.crop_pixels, moves)
    pixels = to_pixels(images)
    if plan.holes is not None:
        holes = plan.holes[steps, :, mine].transpose(0, 1).reshape(2, -1)
        pixels = _cut_out(pixels, recipe.cutout_pixels, holes)
    return pixels


_GREY = 128


def _shift(images: Tensor, reach: int, moves: Tensor) -> Tensor:
    """Move each image by up to `reach` pixels in both directions over a mid-grey border."""
    _, _, height, width = images.shape
    framed = torch.nn.functional.pad(images, (reach, reach, reach, reach), value=_GREY)
    # A view of every shift of every image, (N, C, 2 reach + 1, 2 reach + 1, H, W).
    shifts = framed.unfold(2, height, 1).unfold(3, width, 1)
    return shifts[torch.arange(len(images), device=images.device), :, moves[0], moves[1]]


def _cut_out(pixels: Tensor, size: int, holes: Tensor) -> Tensor:
    """Grey out a square of `size` pixels around a random place of each image (Cutout, 2017)."""
    inside = []
    for axis, length in enumerate(pixels.shape[2:]):
        place = torch.arange(length, device=pixels.device)
        start = holes[axis, :, None] - size // 2
        inside.append((place >= start) & (place < start + size))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return torch.where(hole, _GREY / 255.0, pixels)
