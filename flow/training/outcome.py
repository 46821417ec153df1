"""What a training came to: the network of its best epoch, and how it was got."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flow.errors import UserError
from flow.training.checkpoint import BEST, LAST, Checkpoint, load_checkpoint
from flow.training.packed import load_packed, read_note, save_packed
from flow.training.recipe import Recipe
from flow.training.trained import FinishedNetwork, finish

FINISHED = "finished.bnn"


class TrainingNote(BaseModel):
    """How a network was trained; accuracies are fractions, seconds wall-clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    epochs: int = Field(description="Epochs trained.")
    best_epoch: int
    validation_accuracy: float = Field(description="Of the best epoch, measured on `device`.")
    seconds: float
    device: str = Field(description="Type of the PyTorch device.")
    complete: bool = Field(description="Whether the training ended by its own rules.")


@dataclass(frozen=True)
class Outcome:
    """The network of the best epoch, ready for inference, and the note on its training."""

    network: FinishedNetwork
    note: TrainingNote


def save_outcome(run_dir: Path, last: Checkpoint) -> None:
    """Write finished.bnn of a training whose last epoch is `last`, beside its checkpoints.

    It has all that publishing needs, without latent weights and optimiser: of a training on
    another machine this file and log.csv are enough to bring home.
    """
    outcome = _of_checkpoints(run_dir, last)
    save_packed(outcome.network, run_dir / FINISHED, note=outcome.note.model_dump_json())


def read_outcome(run_dir: Path) -> Outcome:
    """Return what the training in `run_dir` came to, or has come to so far.

    UserError where neither finished.bnn nor the two checkpoints can be read.
    """
    if (run_dir / FINISHED).exists():
        return Outcome(load_packed(run_dir / FINISHED), read_training_note(run_dir / FINISHED))
    return _of_checkpoints(run_dir, load_checkpoint(run_dir / LAST))


def read_training_note(path: Path) -> TrainingNote:
    """Return the note in a finished.bnn; UserError for a packed network without one."""
    try:
        return TrainingNote.model_validate_json(read_note(path))
    except ValidationError as error:
        raise UserError(
            f"train: {path} says nothing about its training that can be read; it is not the "
            f"{FINISHED} of a run folder"
        ) from error


def training_note(best: Checkpoint, last: Checkpoint) -> TrainingNote:
    """Return the note on a training whose best epoch is that of `best` and the last one `last`."""
    return TrainingNote(
        recipe=last.recipe,  # its epochs may have been changed since the best one
        epochs=last.epoch,
        best_epoch=best.best_epoch,
        validation_accuracy=best.best_validation_accuracy,
        seconds=last.seconds,
        device=best.device,
        complete=last.is_complete,
    )


def _of_checkpoints(run_dir: Path, last: Checkpoint) -> Outcome:
    best = load_checkpoint(run_dir / BEST)
    return Outcome(finish(best), training_note(best, last))
