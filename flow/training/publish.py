"""Turn a finished (or running) training into a QONNX file with a record of what was measured."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from flow.data.datasets import load_images
from flow.errors import CheckFailed, UserError
from flow.models.export import export_qonnx, run_qonnx
from flow.training.batches import Samples, split_train_validation, to_pixels
from flow.training.loop import evaluate, load_training_images
from flow.training.methods import Methods
from flow.training.outcome import Outcome, read_outcome
from flow.training.recipe import Recipe
from flow.training.trained import brevitas_network, load_trained

__all__ = ["PublishedModel", "load_trained", "publish", "require_equal_scores"]

_INTERIM_CHECK_IMAGES = 500
_OTHER_DEVICE_TOLERANCE = 0.005


@dataclass(frozen=True)
class PublishedModel:
    """A QONNX file and its record; accuracies are fractions, `test_accuracy` None while interim."""

    onnx: Path
    record: Path
    validation_accuracy: float
    test_accuracy: float | None


def publish(run_dir: Path, data_dir: Path, onnx_path: Path) -> PublishedModel:
    """Export the best epoch of `run_dir` and measure it; write `onnx_path` and its .json.

    The test split is opened only when the training is complete, so no choice can depend on it.
    CheckFailed when Brevitas and the training loop disagree on the validation accuracy, or the
    exported file and Brevitas on any score. UserError for a network with real activations, whose
    scores no two programs need to round alike.
    """
    outcome = read_outcome(run_dir)
    note, recipe = outcome.note, outcome.note.recipe
    require_publishable(recipe)
    model = brevitas_network(outcome.network)

    data = load_training_images(recipe, data_dir)
    cpu = torch.device("cpu")
    train_set, validation_set = split_train_validation(Samples.from_images(data, cpu), recipe)
    validation = evaluate(model, validation_set)
    _require_as_trained(validation, outcome, data_dir)
    accuracy: dict[str, float | None] = {
        "train": evaluate(model, train_set),
        "validation": validation,
        "test": None,
    }
    compared = validation_set[torch.arange(min(_INTERIM_CHECK_IMAGES, len(validation_set)))]
    if note.complete:
        test = load_images(data_dir, "test", recipe.model.image_shape)
        compared = Samples.from_images(test, cpu)
        accuracy["test"] = evaluate(model, compared)

    candidate = onnx_path.with_name(onnx_path.name + ".part")
    side = recipe.model.image_side
    shape = (1, 3, side, side)
    export_qonnx(model, candidate, input_shape=shape, class_names=data.class_names)
    try:
        require_equal_scores(model, candidate, to_pixels(compared.images))
        os.replace(candidate, onnx_path)
    finally:
        candidate.unlink(missing_ok=True)
    record = onnx_path.with_suffix(".json")
    content = {
        "name": onnx_path.stem,
        "status": "complete" if note.complete else "interim",
        "source": data.source,
        "recipe": recipe.model_dump(mode="json"),
        "mapping": _mapping(Methods(recipe.methods)),
        "epochs_trained": note.epochs,
        "best_epoch": note.best_epoch,
        "training_s": round(note.seconds, 1),
        "trained_on": note.device,
        "validation_accuracy_in_training": note.validation_accuracy,
        "accuracy": accuracy,
        "images": {
            "train": len(train_set),
            "validation": len(validation_set),
            "test": len(compared) if note.complete else 0,
        },
        "bit_exact": {
            "compared": "Brevitas and the exported QONNX, every score",
            "split": "test" if note.complete else "validation",
            "images": len(compared),
        },
        "sha256": hashlib.sha256(onnx_path.read_bytes()).hexdigest(),
        "bytes": onnx_path.stat().st_size,
        "versions": {name: version(name) for name in ("torch", "brevitas", "qonnx", "onnx")},
    }
    _write_record(record, content)
    return PublishedModel(onnx_path, record, validation, accuracy["test"])


def require_publishable(recipe: Recipe) -> None:
    """Raise UserError for a network with real activations."""
    if not recipe.model.is_quantised:
        raise UserError(
            f"train: this {recipe.model.name} has real activations; it is a reference or a "
            "teacher and nothing for the accelerator: leave --publish out (--test measures it)"
        )


def measure_test(run_dir: Path, data_dir: Path) -> float:
    """Return the accuracy of a complete training's best epoch on the test images.

    For any network, the floating-point reference too. UserError while it is not complete.
    """
    outcome = read_outcome(run_dir)
    note = outcome.note
    if not note.complete:
        raise UserError(
            f"train: {run_dir} is not complete (epoch {note.epochs} of {note.recipe.epochs}); the "
            "test images are opened at the end only"
        )
    test = load_images(data_dir, "test", note.recipe.model.image_shape)
    samples = Samples.from_images(test, torch.device("cpu"))
    return evaluate(brevitas_network(outcome.network), samples)


def _require_as_trained(validation: float, outcome: Outcome, data_dir: Path) -> None:
    """Raise CheckFailed unless Brevitas' validation accuracy is the training loop's.

    Exactly where that ran on a CPU. Another device rounds BatchNorm in its own way, which turns the
    sign of a few activations that lie on their threshold.
    """
    note = outcome.note
    allowed = 0.0 if note.device == "cpu" else _OTHER_DEVICE_TOLERANCE
    if abs(validation - note.validation_accuracy) > allowed:
        raise CheckFailed(
            f"train: Brevitas gets {validation:.4f} on the validation images, the training loop "
            f"got {note.validation_accuracy:.4f} in epoch {note.best_epoch}; is {data_dir} "
            "the data this was trained on?"
        )


def _mapping(methods: Methods) -> dict[str, Any]:
    """Return whether a quantised network by `methods` maps on the accelerator as it is, and why."""
    return {
        "unchanged": all(method.maps_unchanged for method in methods.all),
        "reasons": {method.name: method.reason for method in methods.all},
    }


@torch.no_grad()
def require_equal_scores(model: nn.Module, onnx_path: Path, pixels: torch.Tensor) -> None:
    """Compare every score of `model` and of the file; CheckFailed naming the first that differs.

    pixels: float32 in [0, 1], shape (N, 3, H, W).
    """
    pixels = pixels.contiguous()
    expected = torch.cat([model(part) for part in torch.split(pixels, 500)]).numpy()
    found = run_qonnx(onnx_path, pixels.numpy())
    wrong = np.flatnonzero((expected != found).any(axis=1))
    if wrong.size:
        first = int(wrong[0])
        raise CheckFailed(
            f"train: the exported QONNX and Brevitas differ on {wrong.size} of {len(expected)} "
            f"images, first on image {first}: {found[first].tolist()} instead of "
            f"{expected[first].tolist()}; nothing was written"
        )


def _write_record(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(temporary, path)
