"""Training batches in memory: split, order, flips and shifts, each a function of the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flow.datasets import ImageSet
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


def training_batches(data: Samples, recipe: Recipe, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the augmented batches of one epoch; the same for the same seed and epoch.

    Incomplete last batches are left out: BatchNorm would see too few images.
    """
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
    device = data.labels.device
    order = torch.randperm(len(data), generator=generator)
    for start in range(0, len(data) - recipe.batch_images + 1, recipe.batch_images):
        batch = data[order[start : start + recipe.batch_images].to(device)]
        pixels = to_pixels(batch.images)
        if recipe.flip:
            mirrored = torch.rand(len(pixels), generator=generator).to(device) < 0.5
            pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
        if recipe.crop_pixels:
            pixels = _shift(pixels, recipe.crop_pixels, generator)
        yield pixels, batch.labels


def _shift(pixels: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Move each image by up to `reach` pixels in both directions over a mid-grey border."""
    count, _, height, width = pixels.shape
    moves = torch.randint(0, 2 * reach + 1, (2, count), generator=generator).to(pixels.device)
    grey = 128.0 / 255.0
    framed = torch.nn.functional.pad(pixels, (reach, reach, reach, reach), value=grey)
    rows = moves[0, :, None] + torch.arange(height, device=pixels.device)
    columns = moves[1, :, None] + torch.arange(width, device=pixels.device)
    image = torch.arange(count, device=pixels.device)[:, None, None]
    # Advanced indexing puts the channels last: (N, H, W, C).
    moved = framed[image, :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
