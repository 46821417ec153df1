"""Checkpoints: the whole state of a training after an epoch, written by rename."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from flow.errors import UserError
from flow.training.recipe import Recipe

_UNREADABLE = (
    *(OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError),
    *(EOFError, pickle.PickleError),
)
LAST = "last.pt"
BEST = "best.pt"


@dataclass
class Checkpoint:
    """What a training knows after `epoch` epochs. Accuracies are fractions, seconds wall-clock."""

    recipe: Recipe
    epoch: int = 0
    seconds: float = 0.0
    device: str = "cpu"
    """Type of the PyTorch device that trained the last epoch."""
    best_epoch: int = 0
    best_validation_accuracy: float = -1.0
    weights: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)
    """State of the methods that have one, by name."""

    @property
    def is_complete(self) -> bool:
        """Whether the training has ended by its own rules: all epochs, or out of patience."""
        patience = self.recipe.patience_epochs
        waited = self.epoch - self.best_epoch
        return self.epoch >= self.recipe.epochs or (patience is not None and waited >= patience)


def save_checkpoint(path: Path, progress: Checkpoint) -> None:
    """Write `progress` to `path`; a reader sees the old file or the new one, never half of it."""
    state = {
        "recipe": progress.recipe.model_dump_json(),
        "epoch": progress.epoch,
        "seconds": progress.seconds,
        "device": progress.device,
        "best_epoch": progress.best_epoch,
        "best_validation_accuracy": progress.best_validation_accuracy,
        "weights": progress.weights,
        "optimizer": progress.optimizer,
        "methods": progress.methods,
    }
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; UserError where it is missing or damaged."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return Checkpoint(
            recipe=Recipe.model_validate_json(state["recipe"]),
            epoch=state["epoch"],
            seconds=state["seconds"],
            device=state.get("device", "cpu"),
            best_epoch=state["best_epoch"],
            best_validation_accuracy=state["best_validation_accuracy"],
            weights=state["weights"],
            optimizer=state["optimizer"],
            methods=state.get("methods", {}),
        )
    except _UNREADABLE as error:
        raise UserError(
            f"train: {path} is not a checkpoint that can be read ({type(error).__name__}: {error});"
            " remove it to start this training afresh, or name another run folder"
        ) from error
