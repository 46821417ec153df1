"""The training loop: quantisation-aware, on the plain twin, best epoch by held-out images."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flow.datasets import load_cifar10
from flow.errors import CheckFailed, UserError
from flow.models.quantizers import initialise_latent_weights
from flow.training.batches import Samples, split_train_validation, to_pixels, training_batches
from flow.training.checkpoint import BEST, LAST, Progress, load_progress, save_progress
from flow.training.recipe import Recipe
from flow.training.twin import TwinKit

LOG = "log.csv"
_LOG_COLUMNS = (
    "epoch",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "validation_accuracy",
    "epoch_s",
)
_HEAD_SCALE_FLOOR = 1e-3
_EVALUATION_IMAGES = 500


@dataclass(frozen=True)
class EpochReport:
    """One line of the log. Accuracies are fractions; the training one is of augmented images."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_accuracy: float
    epoch_s: float


@dataclass(frozen=True)
class TrainResult:
    """What a training reached: fractions of the validation images, wall-clock seconds."""

    run_dir: Path
    epochs: int
    best_epoch: int
    validation_accuracy: float
    seconds: float
    checkpoint: Path


def train(
    recipe: Recipe,
    data_dir: Path,
    run_dir: Path,
    *,
    device: str = "cpu",
    on_epoch: Callable[[EpochReport], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> TrainResult:
    """Train `recipe` on the CIFAR-10 in `data_dir`, or go on where `run_dir` stopped.

    `run_dir` gets log.csv, last.pt (everything needed to go on) and best.pt (the epoch with the
    best validation accuracy). The test split is never opened here. `on_step` is called with the
    steps done and the steps of the whole training, `on_epoch` after each epoch. UserError for data
    or a run folder of another recipe; CheckFailed when the loss is no longer a number (last.pt then
    holds the last good epoch).
    """
    place = _usable_device(device)
    data = Samples.from_images(load_cifar10(data_dir, "train"), place)
    train_set, validation_set = split_train_validation(data, recipe)
    run_dir.mkdir(parents=True, exist_ok=True)
    model, optimizer = _fresh(recipe, place)
    progress = _resume(recipe, run_dir, model, optimizer)
    _trim_log(run_dir / LOG, progress.epoch)
    while progress.epoch < recipe.epochs:
        epoch = progress.epoch + 1
        start = time.monotonic()
        loss, train_accuracy, rate = _train_epoch(
            model, optimizer, train_set, recipe, epoch, on_step
        )
        _require_finite(model, epoch)
        accuracy = evaluate(model, validation_set)
        spent = time.monotonic() - start
        is_best = accuracy > progress.best_validation_accuracy
        progress = Progress(
            recipe,
            epoch=epoch,
            seconds=progress.seconds + spent,
            best_epoch=epoch if is_best else progress.best_epoch,
            best_validation_accuracy=max(accuracy, progress.best_validation_accuracy),
            weights=model.state_dict(),
            optimizer=optimizer.state_dict(),
        )
        report = EpochReport(epoch, rate, loss, train_accuracy, accuracy, spent)
        if is_best:
            save_progress(run_dir / BEST, progress)
        save_progress(run_dir / LAST, progress)
        _append_log(run_dir / LOG, report)
        if on_epoch is not None:
            on_epoch(report)
    return TrainResult(
        run_dir,
        progress.epoch,
        progress.best_epoch,
        progress.best_validation_accuracy,
        progress.seconds,
        run_dir / BEST,
    )


@torch.no_grad()
def evaluate(model: nn.Module, data: Samples) -> float:
    """Return the fraction of `data` that `model` classifies right, in float32 arithmetic."""
    model.eval()
    right = 0
    for start in range(0, len(data), _EVALUATION_IMAGES):
        chosen = slice(start, start + _EVALUATION_IMAGES)
        scores = model(to_pixels(data.images[chosen]))
        right += int((scores.argmax(1) == data.labels[chosen]).sum())
    return right / len(data)


def _usable_device(device: str) -> torch.device:
    try:
        place = torch.device(device)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"train: device {device!r} cannot be used here ({first}); use 'cpu', or 'cuda' on a "
            "machine with a CUDA build of PyTorch"
        ) from error
    return place


def _fresh(recipe: Recipe, place: torch.device) -> tuple[nn.Sequential, torch.optim.Adam]:
    model = recipe.model.layers(TwinKit())
    generator = torch.Generator().manual_seed(recipe.seed)
    initialise_latent_weights(model, recipe.latent_bound, generator)
    model = model.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model, torch.optim.Adam(model.parameters(), lr=recipe.peak_learning_rate)


def _resume(
    recipe: Recipe, run_dir: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> Progress:
    if not (run_dir / LAST).exists():
        return Progress(recipe)
    progress = load_progress(run_dir / LAST)
    if progress.recipe != recipe:
        mine, theirs = recipe.model_dump(), progress.recipe.model_dump()
        names = ", ".join(name for name in mine if mine[name] != theirs[name])
        raise UserError(
            f"train: {run_dir} holds a training with another recipe (different: {names}); name "
            "another run folder, or give that recipe to go on with it"
        )
    model.load_state_dict(progress.weights)
    optimizer.load_state_dict(progress.optimizer)
    return progress


def _train_epoch(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    data: Samples,
    recipe: Recipe,
    epoch: int,
    on_step: Callable[[int, int], None] | None,
) -> tuple[float, float, float]:
    """Train one epoch; return mean loss, training accuracy and the last learning rate."""
    model.train()
    # The scores are sums of `fan_in` signs; this brings them to about unit spread for the loss.
    last = list(model.children())[-1]
    divisor = math.sqrt(last.in_features) if isinstance(last, nn.Linear) else 1.0
    steps_each = len(data) // recipe.batch_images
    steps = recipe.epochs * steps_each
    total_loss, right, seen, rate = 0.0, 0, 0, 0.0
    for index, (pixels, labels) in enumerate(training_batches(data, recipe, epoch)):
        done = (epoch - 1) * steps_each + index
        rate = recipe.learning_rate(done, steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(
            pixels.device.type, dtype=torch.bfloat16, enabled=recipe.compute == "bfloat16"
        ):
            scores: Tensor = model(pixels).float()
        loss = F.cross_entropy(scores / divisor, labels)
        value = loss.item()
        if not math.isfinite(value):
            raise CheckFailed(_diverged(f"the loss became {value}", epoch))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        _clamp(model)
        total_loss += value * len(labels)
        right += int((scores.argmax(1) == labels).sum())
        seen += len(labels)
        if on_step is not None:
            on_step(done + 1, steps)
    return total_loss / seen, right / seen, rate


def _require_finite(model: nn.Module, epoch: int) -> None:
    """Stop when a parameter is not a number: behind a sign the loss alone would not show it."""
    for name, tensor in model.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckFailed(_diverged(f"{name} is no longer finite", epoch))


def _diverged(what: str, epoch: int) -> str:
    return (
        f"train: {what} in epoch {epoch}; {LAST} keeps epoch {epoch - 1}; start again in another "
        "run folder with a lower peak_learning_rate"
    )


@torch.no_grad()
def _clamp(model: nn.Sequential) -> None:
    """Keep latent weights in [-1, 1], and the scale of the head's BatchNorm positive."""
    for name, layer in model.named_children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight.clamp_(-1.0, 1.0)
        elif name == "bn_head" and isinstance(layer, nn.BatchNorm2d):
            layer.weight.clamp_(min=_HEAD_SCALE_FLOOR)


def _append_log(path: Path, report: EpochReport) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(_LOG_COLUMNS)
        writer.writerow(
            [
                report.epoch,
                f"{report.learning_rate:.3e}",
                f"{report.train_loss:.4f}",
                f"{report.train_accuracy:.4f}",
                f"{report.validation_accuracy:.4f}",
                f"{report.epoch_s:.1f}",
            ]
        )


def _trim_log(path: Path, epochs: int) -> None:
    """Drop log lines of epochs that the checkpoint does not know (the process ended in between)."""
    if path.exists():
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[: epochs + 1]))
