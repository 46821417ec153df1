"""`flow train`: train a network by a recipe, or go on with a training, and export it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic import ValidationError

from flow.commands.selection import data_folder
from flow.config import parse_assignments, read_toml, with_value
from flow.errors import UserError
from flow.paths import shown
from flow.validation import explain_validation_error

if TYPE_CHECKING:
    from flow.training.loop import EpochReport
    from flow.training.recipe import Recipe


def train(
    recipe_file: Path,
    data: Path | None,
    run_dir: Path | None,
    publish_to: Path | None,
    device: str,
    assignments: Sequence[str],
) -> None:
    """Train by `recipe_file`; with `publish_to`, export the best epoch as QONNX afterwards."""
    # Brevitas remarks on optional packages at import; a user can do nothing about it.
    warnings.filterwarnings("ignore", module=r"brevitas\.")
    try:
        from flow.training.loop import train as run_training
        from flow.training.publish import publish
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] in ("torch", "brevitas"):
            raise UserError(
                f"train: {error.name} is not installed; training needs the extra: "
                "uv sync --extra train (or pip install 'bnnflow[train]')"
            ) from error
        raise
    recipe = read_recipe(recipe_file, assignments)
    folder = data_folder(data)
    if folder is None:
        raise UserError("--data: say where CIFAR-10 is: --data DIR, or set BNNFLOW_DATA")
    run = run_dir or Path("runs") / recipe_file.stem
    result = run_training(recipe, folder, run, device=device, on_epoch=_print_epoch)
    typer.echo(
        f"{shown(run)}: {result.epochs} epochs, best {result.best_epoch} with "
        f"{result.validation_accuracy:.2%} of the validation images, {result.seconds:.0f} s"
    )
    if publish_to is not None:
        published = publish(run, folder, publish_to)
        tested = published.test_accuracy
        accuracy = f"{tested:.2%} of the test images" if tested is not None else "not tested yet"
        typer.echo(f"{shown(published.onnx)}: {accuracy}; record {shown(published.record)}")


def read_recipe(path: Path, assignments: Sequence[str]) -> Recipe:
    """Return the recipe in a TOML file with `--set key=value` laid over it.

    Raises UserError for an unreadable file, or a wrong or unknown key.
    """
    from flow.training.recipe import Recipe

    values = read_toml(path)
    overrides = parse_assignments(assignments)
    where = f"{shown(path)} with {', '.join(overrides)} set" if overrides else shown(path)
    for name, value in overrides.items():
        values = with_value(values, name.split("."), value, name)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UserError(explain_validation_error(error, Recipe, where)) from error


def _print_epoch(report: EpochReport) -> None:
    typer.echo(
        f"epoch {report.epoch}: loss {report.train_loss:.4f}, validation "
        f"{report.validation_accuracy:.2%}, {report.epoch_s:.1f} s",
        err=True,
    )
