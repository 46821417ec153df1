"""`flow train`: train a network by a recipe, or go on with a training, and export it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic import ValidationError

from flow.commands.selection import data_folder
from flow.config import read_toml
from flow.engine.progress import choose_progress
from flow.engine.report import StageReport
from flow.errors import UserError
from flow.overrides import parse_assignments, with_value
from flow.paths import repository_root, shown
from flow.validation import explain_validation_error

if TYPE_CHECKING:
    from flow.training.logs import EpochReport
    from flow.training.recipe import Recipe

_STAGE = "train"


@dataclass(frozen=True)
class TrainOptions:
    """What else a training is asked for, beside recipe, data and folder."""

    publish_to: Path | None = None
    packed_to: Path | None = None
    figures: Path | None = None
    photographs: Sequence[Path] = ()
    prune_to_fit: str | None = None
    fine_tune_epochs: int | None = None
    device: str = "cpu"
    compiled: bool = False
    tensorboard: bool = False
    test: bool = False
    download: bool = False
    quiet: bool = False


def train(
    recipe_file: Path,
    data: Path | None,
    run_dir: Path | None,
    options: TrainOptions,
    assignments: Sequence[str],
) -> None:
    """Train by `recipe_file`, then prune, export, pack and draw as the options say."""
    # Brevitas remarks on optional packages at import; a user can do nothing about it.
    warnings.filterwarnings("ignore", module=r"brevitas\.")
    _require_extra()
    from flow.training.processes import is_leader

    path = recipe_path(recipe_file)
    recipe = read_recipe(path, assignments)
    _require_reachable(recipe, options)
    folder = data if options.download and data is not None else data_folder(data)
    if folder is None:
        raise UserError("--data: say where CIFAR-10 is: --data DIR, or set BNNFLOW_DATA")
    if options.download:
        from flow.data.download import unpack_cifar10

        unpack_cifar10(folder, download=True)
    run = run_dir or Path("runs") / path.stem
    _run(recipe, folder, run, options)
    if not is_leader():
        return
    if options.prune_to_fit is not None:
        run = _prune_and_fine_tune(recipe, folder, run, options)
    _results(folder, run, options)


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


def _require_extra() -> None:
    try:
        import flow.training.loop  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] in ("torch", "brevitas"):
            raise UserError(
                f"train: {error.name} is not installed; training needs the extra: "
                "uv sync --extra train (or pip install 'bnnflow[train]')"
            ) from error
        raise


def _require_reachable(recipe: Recipe, options: TrainOptions) -> None:
    """Raise UserError for what could not be done when the training has ended, hours later."""
    from flow.board import find_board
    from flow.data.datasets import read_photograph
    from flow.training.packed import SUFFIX
    from flow.training.pruning import require_prunable
    from flow.training.publish import require_publishable

    if options.publish_to is not None:
        if options.publish_to.suffix != ".onnx":
            raise UserError(f"--publish: {options.publish_to}; a QONNX file ends in .onnx")
        require_publishable(recipe)
    if options.packed_to is not None and options.packed_to.suffix != SUFFIX:
        raise UserError(f"--packed: {options.packed_to}; a packed network ends in {SUFFIX}")
    if options.prune_to_fit is not None:
        find_board(options.prune_to_fit)
        require_prunable(recipe)
    elif options.fine_tune_epochs is not None:
        raise UserError("--fine-tune-epochs: nothing is pruned; add --prune-to-fit BOARD")
    if options.photographs and options.figures is None:
        raise UserError("--photo: its probabilities are a figure; add --figures FOLDER")
    for photograph in options.photographs:
        read_photograph(photograph)


def recipe_path(given: Path) -> Path:
    """Return the file, or the recipe of that name in models/recipes/."""
    by_name = repository_root() / "models" / "recipes" / f"{given.name}.toml"
    if not given.is_file() and given.parent == Path() and by_name.is_file():
        return by_name
    return given


def _run(recipe: Recipe, folder: Path, run: Path, options: TrainOptions) -> None:
    from flow.training.logs import TensorBoard
    from flow.training.loop import train as run_training
    from flow.training.processes import is_leader

    board = TensorBoard(run / "tensorboard") if options.tensorboard and is_leader() else None
    if board is not None and board.skipped:
        typer.echo(f"TensorBoard log skipped: {board.skipped}", err=True)
    display = choose_progress(options.quiet or not is_leader(), verbose=False)
    latest = ""

    def on_epoch(report: EpochReport) -> None:
        nonlocal latest
        accuracy = report.validation_accuracy
        validation = f", validation {accuracy:.2%}" if accuracy is not None else ""
        latest = f"epoch {report.epoch}: loss {report.train_loss:.4f}{validation}"
        latest += f", {report.epoch_s:.1f} s"
        if not options.quiet:
            typer.echo(latest, err=True)
        if board is not None:
            board.add(report)

    def on_step(done: int, steps: int) -> None:
        display.stage_progress(_STAGE, done, steps, f"steps; {latest}" if latest else "steps")

    def on_source(source: str) -> None:
        if not options.quiet:
            typer.echo(source, err=True)

    display.begin(f"{recipe.model.name} in {shown(run)}", [_STAGE])
    display.stage_started(_STAGE, f"{recipe.epochs} epochs")
    try:
        result = run_training(
            recipe,
            folder,
            run,
            device=options.device,
            compiled=options.compiled,
            on_epoch=on_epoch,
            on_step=on_step,
            on_source=on_source,
        )
        display.stage_ended(
            StageReport(id=_STAGE, status="done", seconds=result.seconds, reason=""),
            "best epoch kept",
        )
    finally:
        display.end()
    if is_leader():
        typer.echo(
            f"{shown(run)}: {result.epochs} epochs, best {result.best_epoch} with "
            f"{result.validation_accuracy:.2%} of the validation images, {result.seconds:.0f} s"
        )


def _prune_and_fine_tune(recipe: Recipe, folder: Path, run: Path, options: TrainOptions) -> Path:
    """Prune the best epoch for a board, fine-tune, and return the new run folder."""
    from flow.board import find_board
    from flow.training.fitting import fits_board
    from flow.training.pruning import start_pruned_run

    board = find_board(options.prune_to_fit or "")
    epochs = options.fine_tune_epochs or max(1, recipe.epochs // 4)
    pruned_run = run / f"pruned_{board.id}"
    smaller, text = start_pruned_run(run, pruned_run, board.budget, epochs, fits_board(board))
    typer.echo(f"for {board.name}: {text}")
    _run(smaller, folder, pruned_run, options)
    return pruned_run


def _results(folder: Path, run: Path, options: TrainOptions) -> None:
    from flow.training.publish import measure_test, publish

    if options.publish_to is not None:
        published = publish(run, folder, options.publish_to)
        tested = published.test_accuracy
        accuracy = f"{tested:.2%} of the test images" if tested is not None else "not tested yet"
        typer.echo(f"{shown(published.onnx)}: {accuracy}; record {shown(published.record)}")
    if options.test:
        typer.echo(f"{shown(run)}: {measure_test(run, folder):.2%} of the test images")
    if options.packed_to is not None:
        from flow.training.outcome import read_outcome
        from flow.training.packed import save_packed

        path = save_packed(read_outcome(run).network, options.packed_to)
        typer.echo(f"{shown(path)}: {path.stat().st_size:,} bytes")
    if options.figures is not None:
        from flow.training.figures import write_figures

        for path in write_figures(run, folder, options.figures, options.photographs):
            typer.echo(shown(path))
