"""How fast the training loop is, and how long it waits for its images."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from flow.data.images import ImageSet
from flow.errors import UserError
from flow.training.batches import Samples, training_batches
from flow.training.captured import WARM_UP_STEPS
from flow.training.recipe import Recipe
from flow.training.session import Session, usable_device

LOADER_LIMIT = 0.05
_CONVOLUTIONS = (
    *("aten::mkldnn_convolution", "aten::thnn_conv2d", "aten::_slow_conv2d_forward"),
    *("aten::convolution_backward", "aten::_slow_conv2d_backward", "aten::addmm", "aten::mm"),
)
"""PyTorch's operators that do the multiplying on a CPU."""


@dataclass(frozen=True)
class TrainingSpeed:
    """What was measured over `steps` steps of `images` images in all."""

    images: int
    steps: int
    seconds: float
    """Wall-clock time."""
    processor_seconds: float
    """Time of all processor threads."""
    loader_share: float
    """Share of the work that goes into making batches, 0 to 1."""
    convolution_share: float | None
    """Share of a step that is convolution or matrix product, 0 to 1; None where a GPU steps."""

    @property
    def images_per_second(self) -> float:
        """Images trained in a second."""
        return self.images / self.seconds

    @property
    def processor_ms_per_image(self) -> float:
        """Processor time of an image; other programs hardly change it."""
        return 1e3 * self.processor_seconds / self.images


def measure_training(
    recipe: Recipe,
    images: ImageSet,
    *,
    steps: int,
    device: str = "cpu",
    compiled: bool = False,
) -> TrainingSpeed:
    """Time `steps` steps after some that are not counted; batches are timed apart from steps.

    The loader runs between the steps and on their device, so its share is what training waits for
    it. On a GPU the device is waited for at each border; on a CPU the share is of processor time,
    which other programs do not distort. UserError where there are too few images.
    """
    place = usable_device(device)
    data = Samples.from_images(images, place)
    warm_up = warm_up_steps(device)
    wanted = steps + warm_up
    if len(data) < recipe.batch_images * wanted:
        raise UserError(
            f"bench: {wanted} steps of {recipe.batch_images} images need "
            f"{recipe.batch_images * wanted}, there are {len(data)}; use fewer --steps"
        )
    session = Session(recipe, place, compiled=compiled)
    session.begin_epoch(1)
    batches = training_batches(data, recipe, 1)
    loading = working = seconds = processor = 0.0
    for step in range(wanted):
        begun, used, start = time.perf_counter(), time.process_time(), _now(place)
        pixels, labels = next(batches)
        ready = _now(place)
        session.step(pixels, labels, step, wanted)
        end = _now(place)
        if step >= warm_up:
            loading += ready - start
            working += end - start
            seconds += time.perf_counter() - begun
            processor += time.process_time() - used
    share = _convolution_share(session, pixels, labels) if place.type == "cpu" else None
    return TrainingSpeed(
        steps * recipe.batch_images, steps, seconds, processor, loading / working, share
    )


def _convolution_share(session: Session, pixels: Tensor, labels: Tensor) -> float:
    """Return which part of a further step's time goes into convolutions and matrix products."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        session.step(pixels, labels, 0, 1)
    times = {event.key: float(event.self_cpu_time_total) for event in seen.key_averages()}
    return sum(times.get(name, 0.0) for name in _CONVOLUTIONS) / sum(times.values())


def warm_up_steps(device: str) -> int:
    """Return how many steps are not timed: on a GPU those before a captured one is replayed."""
    return WARM_UP_STEPS + 2 if device.partition(":")[0] == "cuda" else 1


def _now(place: torch.device) -> float:
    if place.type == "cuda":
        torch.cuda.synchronize(place)
        return time.perf_counter()
    return time.process_time()
