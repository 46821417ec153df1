"""Figures of a run as PNG: curves, batch sheet, confusion matrix, class accuracy, probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from flow.data.datasets import load_images, read_photograph
from flow.data.images import ImageSet
from flow.training.batches import Samples, split_train_validation, to_pixels
from flow.training.layers import score_divisor
from flow.training.logs import LOG, EpochReport, read_log
from flow.training.loop import load_training_images
from flow.training.outcome import read_outcome
from flow.training.trained import brevitas_network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHEET = 8
_DPI = 120


@torch.no_grad()
def scores_of(model: nn.Sequential, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the scores (N, classes) of images uint8 (N, H, W, 3)."""
    tensor = torch.tensor(images).permute(0, 3, 1, 2)
    parts = [model(to_pixels(part)) for part in torch.split(tensor, 500)]
    scores: NDArray[np.float32] = torch.cat(parts).numpy()
    return scores


def confusion_counts(
    labels: NDArray[np.int64], guesses: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Return int64 (classes, classes): rows are the true classes, columns the guesses."""
    counts = np.bincount(labels * classes + guesses, minlength=classes * classes)
    return counts.reshape(classes, classes)


def write_figures(
    run_dir: Path, data_dir: Path, folder: Path, photographs: Sequence[Path] = ()
) -> list[Path]:
    """Draw everything about the best epoch of a run into `folder`; return the files.

    Test images where the training is complete, validation images before. Each photograph gets its
    class probabilities too: the softmax of the scores divided as in the loss.
    """
    outcome = read_outcome(run_dir)
    recipe = outcome.note.recipe
    model = brevitas_network(outcome.network)
    shape = recipe.model.image_shape
    if outcome.note.complete:
        shown, which = load_images(data_dir, "test", shape), "test"
    else:
        data = load_training_images(recipe, data_dir)
        _, held = split_train_validation(Samples.from_images(data, torch.device("cpu")), recipe)
        images = np.ascontiguousarray(held.images.permute(0, 2, 3, 1).numpy())
        shown = ImageSet(images, held.labels.numpy(), data.class_names, data.source)
        which = "validation"
    scores = scores_of(model, shown.images)
    names = shown.class_names
    counts = confusion_counts(shown.labels, scores.argmax(1), len(names))
    what = f"{which} images of {shown.source}"
    divisor = score_divisor(model)
    figures = {
        "curves": curves_figure(read_log(run_dir / LOG)),
        "batch": batch_figure(shown, scores),
        "confusion": confusion_figure(counts, names, what),
        "class_accuracy": class_accuracy_figure(counts, names, what),
        "probabilities": probabilities_figure(shown.images[0], scores[0] / divisor, names),
    }
    for path in photographs:
        image = read_photograph(path, shape)
        result = scores_of(model, image[None])[0] / divisor
        figures[f"probabilities_{path.stem}"] = probabilities_figure(image, result, names)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=_DPI)
        written.append(path)
    return written


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure as NewFigure

    return NewFigure(figsize=(width, height), layout="constrained")


def curves_figure(log: Sequence[EpochReport]) -> Figure:
    """Draw loss and accuracies over the epochs."""
    figure = _figure(9, 3.5)
    left, right = figure.subplots(1, 2)
    epochs = [report.epoch for report in log]
    left.plot(epochs, [report.train_loss for report in log])
    left.set(xlabel="epoch", ylabel="training loss")
    right.plot(epochs, [100 * report.train_accuracy for report in log], label="training")
    validated = [(r.epoch, 100 * v) for r in log if (v := r.validation_accuracy) is not None]
    right.plot(*zip(*validated, strict=True), label="validation")
    right.set(xlabel="epoch", ylabel="accuracy in %")
    right.legend()
    return figure


def batch_figure(images: ImageSet, scores: NDArray[np.float32]) -> Figure:
    """Draw a sheet of images with true and guessed class; wrong guesses in red."""
    rows = max(1, min(_SHEET, len(images) // _SHEET))
    figure = _figure(11, 1.5 * rows)
    grid = figure.subplots(rows, _SHEET, squeeze=False)
    guesses = scores.argmax(1)
    for index, axes in enumerate(grid.flat):
        axes.axis("off")
        if index >= len(images):
            continue
        true, guess = int(images.labels[index]), int(guesses[index])
        axes.imshow(images.images[index])
        text = images.class_names[true]
        if guess != true:
            text += f"\n(as {images.class_names[guess]})"
        axes.set_title(text, fontsize=7, color="black" if guess == true else "tab:red")
    return figure


def confusion_figure(counts: NDArray[np.int64], names: Sequence[str], what: str) -> Figure:
    """Draw the confusion matrix with its counts."""
    size = max(5.0, 0.6 * len(names))
    figure = _figure(size + 1, size)
    axes = figure.subplots()
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="guess", ylabel="truth", title=what)
    if len(names) <= 20:
        for (row, column), count in np.ndenumerate(counts):
            dark = count > counts[row].sum() / 2
            axes.text(
                column,
                row,
                f"{count}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if dark else "black",
            )
    return figure


def class_accuracy_figure(counts: NDArray[np.int64], names: Sequence[str], what: str) -> Figure:
    """Draw the share of right guesses of each class."""
    figure = _figure(max(5.0, 0.7 * len(names)), 3.5)
    axes = figure.subplots()
    shares = 100 * np.diag(counts) / np.maximum(counts.sum(axis=1), 1)
    bars = axes.bar(range(len(names)), shares)
    axes.bar_label(bars, fmt="%.1f", fontsize=7)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set(ylabel="accuracy in %", ylim=(0, 105), title=what)
    return figure


def probabilities_figure(
    image: NDArray[np.uint8], logits: NDArray[np.float32], names: Sequence[str]
) -> Figure:
    """Draw an image beside the bars of its class probabilities."""
    figure = _figure(8, 3)
    left, right = figure.subplots(1, 2, width_ratios=[1, 2])
    left.imshow(image)
    left.axis("off")
    powers = np.exp(logits - logits.max())
    right.barh(range(len(names)), powers / powers.sum())
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    right.set(xlabel="probability", xlim=(0, 1))
    return figure
