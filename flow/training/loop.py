"""The training loop: quantisation-aware, on the plain twin, best epoch by held-out images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from flow.data.datasets import load_images
from flow.data.images import ImageSet
from flow.engine.state import locked
from flow.errors import CheckFailed, UserError
from flow.training.batches import Samples, split_train_validation, to_pixels, training_batches
from flow.training.checkpoint import BEST, LAST, Checkpoint, load_checkpoint, save_checkpoint
from flow.training.logs import LOG, EpochReport, append_log, trim_log
from flow.training.methods import Methods
from flow.training.outcome import (
    FINISHED,
    TrainingNote,
    read_training_note,
    save_outcome,
    training_note,
)
from flow.training.processes import Processes, joined
from flow.training.recipe import Recipe
from flow.training.session import Session, usable_device

_EVALUATION_IMAGES = 500
_FINITE_CHECK_STEPS = 20


@dataclass(frozen=True)
class TrainResult:
    """What a training reached: fractions of the validation images, wall-clock seconds."""

    run_dir: Path
    epochs: int
    best_epoch: int
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Watcher:
    """Who is told what: steps done of all steps; each finished epoch; where the images are from."""

    on_step: Callable[[int, int], None] = lambda done, steps: None
    on_epoch: Callable[[EpochReport], None] = lambda report: None
    on_source: Callable[[str], None] = lambda source: None


def train(
    recipe: Recipe,
    data_dir: Path,
    run_dir: Path,
    *,
    device: str = "cpu",
    compiled: bool = False,
    on_epoch: Callable[[EpochReport], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
    on_source: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train `recipe` on the images in `data_dir`, or go on where `run_dir` stopped.

    `run_dir` gets log.csv, last.pt (everything needed to go on), best.pt (the epoch with the best
    validation accuracy) and at the end finished.bnn: a folder that has it is not trained further,
    also where the checkpoints are gone. The test split is never opened here. `on_step` is called
    with the steps done and the steps of the whole training, `on_epoch` after each epoch,
    `on_source` with the words for the data set. Under torchrun every process trains its part of
    each batch, and the first one writes. UserError for data or a run folder of another recipe, or
    a folder in which another training is at work; CheckFailed when the loss is no longer a number
    (last.pt then holds the last good epoch).
    """
    calls = {"on_epoch": on_epoch, "on_step": on_step, "on_source": on_source}
    watcher = Watcher(**{name: call for name, call in calls.items() if call is not None})  # type: ignore[arg-type]
    with joined(device) as (processes, place):
        if not processes.leads:
            return _train(recipe, data_dir, run_dir, place, processes, compiled, Watcher())
        with ExitStack() as held:
            try:
                held.enter_context(locked(run_dir))
            except UserError as error:
                raise UserError(
                    f"train: another training is at work in {run_dir}; wait for it, or give this "
                    "one its own --run-dir"
                ) from error
            return _train(recipe, data_dir, run_dir, place, processes, compiled, watcher)


def load_training_images(recipe: Recipe, data_dir: Path) -> ImageSet:
    """Return the training split; UserError where its classes are not the network's."""
    data = load_images(data_dir, "train", recipe.model.image_shape)
    if len(data.class_names) != recipe.model.classes:
        raise UserError(
            f"train: {data_dir} has {len(data.class_names)} classes "
            f"({', '.join(data.class_names[:5])}{', ...' if len(data.class_names) > 5 else ''}), "
            f"the network {recipe.model.classes} scores; set model.classes = "
            f"{len(data.class_names)}"
        )
    return data


def _train(
    recipe: Recipe,
    data_dir: Path,
    run_dir: Path,
    device: str,
    processes: Processes,
    compiled: bool,
    watcher: Watcher,
) -> TrainResult:
    place = usable_device(device)
    if recipe.batch_images % processes.count:
        raise UserError(
            f"train: {processes.count} processes cannot share batches of {recipe.batch_images} "
            "evenly; set batch_images to a multiple"
        )
    if (run_dir / FINISHED).exists():
        note = read_training_note(run_dir / FINISHED)
        _require_same_recipe(recipe, note.recipe, run_dir)
        return _result(run_dir, note)
    images = load_training_images(recipe, data_dir)
    watcher.on_source(f"{len(images):,} training images of {images.source}")
    train_set, validation_set = split_train_validation(Samples.from_images(images, place), recipe)
    progress = _stored(recipe, run_dir)
    session = Session(recipe, place, processes=processes, resume=progress, compiled=compiled)
    if processes.leads:
        trim_log(run_dir / LOG, progress.epoch)
    while not progress.is_complete:
        epoch = progress.epoch + 1
        start = time.monotonic()
        loss, train_accuracy, rate = _train_epoch(session, train_set, epoch, watcher)
        _require_finite(session.model, epoch)
        validates = epoch % recipe.validate_every == 0 or epoch == recipe.epochs
        accuracy = -1.0
        if validates and processes.leads:
            chosen = session.evaluated(train_set)
            accuracy = evaluate(chosen, validation_set)
        accuracy = processes.decided_by_leader(accuracy)
        spent = time.monotonic() - start
        is_best = accuracy > progress.best_validation_accuracy
        progress = Checkpoint(
            recipe,
            epoch=epoch,
            seconds=progress.seconds + spent,
            device=place.type,
            best_epoch=epoch if is_best else progress.best_epoch,
            best_validation_accuracy=max(accuracy, progress.best_validation_accuracy),
            weights=session.model.state_dict(),
            optimizer=session.optimizer.state_dict(),
            methods=session.method_states(),
        )
        if processes.leads:
            if is_best:
                save_checkpoint(run_dir / BEST, _to_publish(progress, chosen))
            if validates:
                save_checkpoint(run_dir / LAST, progress)
            shown = accuracy if validates else None
            report = EpochReport(epoch, rate, loss, train_accuracy, shown, spent)
            append_log(run_dir / LOG, report)
            watcher.on_epoch(report)
    if processes.leads:
        save_outcome(run_dir, progress)
    return _result(run_dir, training_note(progress, progress))


def _result(run_dir: Path, note: TrainingNote) -> TrainResult:
    accuracy = note.validation_accuracy
    return TrainResult(run_dir, note.epochs, note.best_epoch, accuracy, note.seconds)


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


def _to_publish(progress: Checkpoint, chosen: nn.Module) -> Checkpoint:
    """Return `progress` with the weights that were evaluated, which may be averages."""
    return Checkpoint(**{**vars(progress), "weights": chosen.state_dict()})


def _stored(recipe: Recipe, run_dir: Path) -> Checkpoint:
    if not (run_dir / LAST).exists():
        return Checkpoint(recipe)
    progress = load_checkpoint(run_dir / LAST)
    if recipe.schedule == "constant-then-decay":
        _require_changeable_epochs(recipe, progress, run_dir)
    else:
        _require_same_recipe(recipe, progress.recipe, run_dir)
    return replace(progress, recipe=recipe)


def _require_changeable_epochs(recipe: Recipe, progress: Checkpoint, run_dir: Path) -> None:
    """Raise UserError unless `recipe` is the stored one, or differs in epochs that are to come."""
    stored = progress.recipe
    _require_same_recipe(recipe, stored.model_copy(update={"epochs": recipe.epochs}), run_dir)
    if recipe.epochs == stored.epochs:
        return
    bound = [method.name for method in Methods(recipe.methods).all if method.scheduled]
    if bound:
        raise UserError(
            f"train: {run_dir} was begun with epochs = {stored.epochs}, which its method "
            f"{bound[0]} is spread over; go on with that number"
        )
    if progress.epoch > stored.epochs - stored.decay_epochs:
        raise UserError(
            f"train: {run_dir} was begun with epochs = {stored.epochs} and its learning rate falls "
            f"since epoch {stored.epochs - stored.decay_epochs}; go on with that number"
        )
    earliest = progress.epoch + recipe.decay_epochs
    if recipe.epochs < earliest:
        raise UserError(
            f"train: epochs = {recipe.epochs} is too soon: {run_dir} has trained {progress.epoch}, "
            f"and the learning rate falls for {recipe.decay_epochs}; set epochs = {earliest} or "
            "more"
        )


def _require_same_recipe(recipe: Recipe, stored: Recipe, run_dir: Path) -> None:
    if stored != recipe:
        mine, theirs = recipe.model_dump(), stored.model_dump()
        names = ", ".join(name for name in mine if mine[name] != theirs[name])
        raise UserError(
            f"train: {run_dir} holds a training with another recipe (different: {names}); name "
            "another run folder, or give that recipe to go on with it"
        )


def _train_epoch(
    session: Session, data: Samples, epoch: int, watcher: Watcher
) -> tuple[float, float, float]:
    """Train one epoch; return mean loss, training accuracy and the last learning rate.

    Sums stay on the device, so that a GPU is not waited for at every step.
    """
    session.begin_epoch(epoch)
    recipe, processes = session.recipe, session.processes
    steps_each = len(data) // recipe.batch_images
    steps = recipe.epochs * steps_each
    losses = torch.zeros((), device=session.device)
    right = torch.zeros((), device=session.device)
    batches = training_batches(data, recipe, epoch, rank=processes.rank, processes=processes.count)
    done = (epoch - 1) * steps_each
    for index, (pixels, labels) in enumerate(batches):
        loss, scores = session.step(pixels, labels, done, steps)
        losses += loss
        right += (scores.argmax(1) == labels).float().mean()
        done += 1
        if index % _FINITE_CHECK_STEPS == 0 or index == steps_each - 1:
            value = float(processes.mean(losses))
            if not math.isfinite(value):
                raise CheckFailed(_diverged(f"the loss became {value}", epoch))
        watcher.on_step(done, steps)
    mean_loss = float(processes.mean(losses)) / steps_each
    accuracy = float(processes.mean(right)) / steps_each
    return mean_loss, accuracy, recipe.learning_rate(done - 1, steps)


def _require_finite(model: nn.Module, epoch: int) -> None:
    """Stop when a parameter is not a number: behind a sign the loss alone would not show it."""
    for name, tensor in model.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckFailed(_diverged(f"{name} is no longer finite", epoch))


def _diverged(what: str, epoch: int) -> str:
    return (
        f"train: {what} in epoch {epoch}; {LAST} keeps the last good epoch; start again in another "
        "run folder with a lower peak_learning_rate"
    )
