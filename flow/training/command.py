"""The whole of `flow train`: train or go on, then export, measure and write the record."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from flow.errors import UserError
from flow.training.loop import EpochReport, train
from flow.training.publish import PublishedModel, publish
from flow.training.recipe import Recipe


def run_training(
    recipe: Recipe,
    data_dir: Path,
    run_dir: Path,
    onnx_path: Path,
    *,
    device: str = "cpu",
    threads: int | None = None,
    console: Console | None = None,
) -> PublishedModel:
    """Train `recipe` to its end (from `run_dir`'s checkpoint if there is one) and publish it.

    The CIFAR-10 in `data_dir` is used; `onnx_path` and its .json appear when everything is
    measured. threads: CPU threads of PyTorch, its own choice when None. UserError for bad input,
    CheckFailed when the training diverges or the exported file differs from the network.
    """
    console = console or Console()
    if threads is not None:
        torch.set_num_threads(threads)
    _require_device(device)
    bar = Progress(
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )

    def say(report: EpochReport) -> None:
        bar.console.print(
            f"epoch {report.epoch}/{recipe.epochs}: loss {report.train_loss:.3f}, "
            f"train {report.train_accuracy:.2%}, validation {report.validation_accuracy:.2%}, "
            f"{report.epoch_s:.0f} s",
            highlight=False,
        )

    with bar:
        task = bar.add_task("training", total=None)
        result = train(
            recipe,
            data_dir,
            run_dir,
            device=device,
            on_epoch=say,
            on_step=lambda done, steps: bar.update(task, completed=done, total=steps),
        )
    console.print(
        f"best epoch {result.best_epoch} with {result.validation_accuracy:.2%} on validation; "
        "exporting and measuring",
        highlight=False,
    )
    published = publish(run_dir, data_dir, onnx_path)
    source = json.loads(published.record.read_text())["source"]
    console.print(
        f"{published.onnx}: {published.test_accuracy:.2%} on the test images of {source}",
        highlight=False,
    )
    return published


def _require_device(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"train: device {device!r} cannot be used here ({first}); use 'cpu', or 'cuda' on a "
            "machine with a CUDA build of PyTorch"
        ) from error
