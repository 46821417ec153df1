"""The settings of one training, complete enough to repeat it."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flow.models.registry import ModelSpec


class Recipe(BaseModel):
    """What is trained, on which images, for how long and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelSpec = Field(description="The network.")
    epochs: int = Field(60, ge=1, description="Passes over the training images.")
    batch_images: int = Field(200, ge=2, description="Images per optimiser step.")
    validation_images: int = Field(
        5000, ge=1, description="Training images held out to choose the best epoch."
    )
    train_images: int | None = Field(
        None, ge=2, description="Use only so many of the remaining images; all when absent."
    )
    peak_learning_rate: float = Field(
        2e-3, gt=0, description="Adam learning rate at the top of the one-cycle schedule."
    )
    warm_up_fraction: float = Field(
        0.25, gt=0, lt=1, description="Part of the steps on which the learning rate rises."
    )
    latent_bound: float = Field(
        0.1, gt=0, le=1, description="Latent weights start uniform in +-this; later clamped to +-1."
    )
    flip: bool = Field(True, description="Mirror half of the training images left to right.")
    crop_pixels: int = Field(
        0, ge=0, le=8, description="Shift training images by up to so many pixels."
    )
    cutout_pixels: int = Field(
        0, ge=0, description="Side of a square of each training image that is greyed out."
    )
    schedule: Literal["one-cycle", "constant", "constant-then-decay"] = Field(
        "one-cycle",
        description="constant: peak_learning_rate at every step. constant-then-decay: the same "
        "between a warm-up and a decay that are counted in epochs, so that `epochs` may be changed "
        "when a run goes on.",
    )
    warm_up_epochs: float = Field(
        1.0, gt=0, description="Epochs on which the rate of constant-then-decay rises."
    )
    decay_epochs: int = Field(
        10, ge=1, description="Last epochs, on which the rate of constant-then-decay falls."
    )
    patience_epochs: int | None = Field(
        None, ge=1, description="Stop after so many epochs without a better validation accuracy."
    )
    validate_every: int = Field(
        1, ge=1, description="Epochs from one validation and checkpoint to the next."
    )
    methods: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Training methods with their parameters, [methods.NAME]; none: direct sign.",
    )
    compute: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Arithmetic of the training steps; evaluation is float32 always.",
    )
    seed: int = Field(1, ge=0, description="Seed of the split, the initial weights and the order.")

    def learning_rate(self, step: int, steps: int) -> float:
        """Return the learning rate of step `step` of `steps`: half cosines up and down."""
        if self.schedule == "constant":
            return self.peak_learning_rate
        if self.schedule == "constant-then-decay":
            each = steps / self.epochs
            to_rise = 1 - step / (self.warm_up_epochs * each)
            fallen = 1 - (steps - step) / (self.decay_epochs * each)
            return min(self._below_peak(to_rise, 25.0), self._below_peak(fallen, 1e4))
        top = self.warm_up_fraction * steps
        if step < top:
            return self._below_peak(1 - step / top, 25.0)
        return self._below_peak((step - top) / (steps - top), 1e4)

    def _below_peak(self, place: float, ratio: float) -> float:
        """Return the rate at `place` of a slope: the peak up to 0, peak / ratio at 1."""
        low = self.peak_learning_rate / ratio
        share = (1 + math.cos(math.pi * max(place, 0.0))) / 2
        return low + (self.peak_learning_rate - low) * share
