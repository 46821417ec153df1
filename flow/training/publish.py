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

from flow.datasets import load_cifar10
from flow.errors import CheckFailed
from flow.models.export import export_qonnx, run_qonnx
from flow.models.quantizers import BrevitasKit
from flow.training.batches import Samples, split_train_validation, to_pixels
from flow.training.checkpoint import BEST, LAST, Progress, load_progress
from flow.training.loop import evaluate
from flow.training.twin import sign

_INTERIM_CHECK_IMAGES = 500


@dataclass(frozen=True)
class PublishedModel:
    """A QONNX file and its record; accuracies are fractions, `test_accuracy` None while interim."""

    onnx: Path
    record: Path
    validation_accuracy: float
    test_accuracy: float | None


def load_trained(checkpoint: Path) -> nn.Sequential:
    """Return the Brevitas network of a checkpoint in evaluation mode, its weights -1 and +1."""
    progress = load_progress(checkpoint)
    return _brevitas_model(progress)


def publish(run_dir: Path, data_dir: Path, onnx_path: Path) -> PublishedModel:
    """Export the best epoch of `run_dir` and measure it; write `onnx_path` and its .json.

    The test split is opened only when the training is complete, so no choice can depend on it.
    CheckFailed when Brevitas and the checkpoint disagree on the validation accuracy, or the
    exported file and Brevitas on any score.
    """
    best, last = load_progress(run_dir / BEST), load_progress(run_dir / LAST)
    recipe = best.recipe
    is_complete = last.epoch >= recipe.epochs
    model = _brevitas_model(best)

    data = load_cifar10(data_dir, "train")
    train_set, validation_set = split_train_validation(
        Samples.from_images(data, torch.device("cpu")), recipe
    )
    validation = evaluate(model, validation_set)
    if validation != best.best_validation_accuracy:
        raise CheckFailed(
            f"train: Brevitas gets {validation:.4f} on the validation images, the training loop "
            f"got {best.best_validation_accuracy:.4f} in epoch {best.best_epoch}; is {data_dir} "
            "the data this was trained on?"
        )
    accuracy: dict[str, float | None] = {
        "train": evaluate(model, train_set),
        "validation": validation,
        "test": None,
    }
    compared = validation_set[torch.arange(min(_INTERIM_CHECK_IMAGES, len(validation_set)))]
    if is_complete:
        compared = Samples.from_images(load_cifar10(data_dir, "test"), torch.device("cpu"))
        accuracy["test"] = evaluate(model, compared)

    candidate = onnx_path.with_name(onnx_path.name + ".part")
    export_qonnx(model, candidate)
    try:
        _require_equal_scores(model, candidate, compared)
        os.replace(candidate, onnx_path)
    finally:
        candidate.unlink(missing_ok=True)
    record = onnx_path.with_suffix(".json")
    content = {
        "name": onnx_path.stem,
        "status": "complete" if is_complete else "interim",
        "source": data.source,
        "recipe": recipe.model_dump(),
        "epochs_trained": last.epoch,
        "best_epoch": best.best_epoch,
        "training_s": round(last.seconds, 1),
        "accuracy": accuracy,
        "images": {
            "train": len(train_set),
            "validation": len(validation_set),
            "test": len(compared) if is_complete else 0,
        },
        "bit_exact": {
            "compared": "Brevitas and the exported QONNX, every score",
            "split": "test" if is_complete else "validation",
            "images": len(compared),
        },
        "sha256": hashlib.sha256(onnx_path.read_bytes()).hexdigest(),
        "bytes": onnx_path.stat().st_size,
        "versions": {name: version(name) for name in ("torch", "brevitas", "qonnx", "onnx")},
    }
    _write_record(record, content)
    return PublishedModel(onnx_path, record, validation, accuracy["test"])


def _brevitas_model(progress: Progress) -> nn.Sequential:
    model = progress.recipe.model.layers(BrevitasKit())
    model.load_state_dict(progress.weights)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                # The quantiser sees only the sign; stored as signs, files compress fifteenfold.
                layer.weight.copy_(sign(layer.weight))
    return model.eval()


@torch.no_grad()
def _require_equal_scores(model: nn.Module, onnx_path: Path, samples: Samples) -> None:
    pixels = to_pixels(samples.images).contiguous()
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
