"""Commands that train a network and run it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flow.cli.app import app
from flow.cli.options import (
    AsJson,
    Assignments,
    Board,
    BuildDir,
    Config,
    Data,
    Model,
    Quiet,
    build_request,
)
from flow.commands.output import reported_errors


@app.command()
def train(
    recipe: Annotated[
        Path,
        typer.Option("--recipe", "--config", help="TOML file, or a name in models/recipes/."),
    ],
    data: Data = None,
    run_dir: Annotated[
        Path | None, typer.Option("--run-dir", help="Checkpoints and log \\[default: runs/RECIPE].")
    ] = None,
    publish: Annotated[
        Path | None, typer.Option("--publish", help="Export the best epoch to this QONNX file.")
    ] = None,
    packed: Annotated[
        Path | None, typer.Option("--packed", help="Write the best epoch, 1 bit a weight (.bnn).")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Draw curves and confusions into this folder.")
    ] = None,
    photo: Annotated[
        list[Path] | None, typer.Option("--photo", help="Draw its class probabilities too.")
    ] = None,
    prune_to_fit: Annotated[
        str | None, typer.Option("--prune-to-fit", help="Remove channels until BOARD holds it.")
    ] = None,
    fine_tune_epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs after pruning \\[default: a quarter].")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="PyTorch device.")] = "cpu",
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")] = False,
    tensorboard: Annotated[bool, typer.Option(help="Write a TensorBoard log too.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Measure the test images at the end.")] = (
        False
    ),
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the official CIFAR-10 into --data.")
    ] = False,
    assignments: Assignments = None,
    quiet: Quiet = False,
) -> None:
    """Train a network, or go on where its run folder stopped (needs the extra `train`)."""
    with reported_errors():
        from flow.commands.train import TrainOptions
        from flow.commands.train import train as run

        options = TrainOptions(
            publish_to=publish,
            packed_to=packed,
            figures=figures,
            photographs=tuple(photo or ()),
            prune_to_fit=prune_to_fit,
            fine_tune_epochs=fine_tune_epochs,
            device=device,
            compiled=compiled,
            tensorboard=tensorboard,
            test=test,
            download=download,
            quiet=quiet,
        )
        run(recipe, data, run_dir, options, assignments or [])


@app.command(name="eval")
def evaluate(
    model: Annotated[Path, typer.Option("--model", help="QONNX file.")],
    data: Data = None,
    backend: Annotated[str, typer.Option("--backend", help="What computes: golden.")] = "golden",
    images: Annotated[
        int | None, typer.Option("--images", help="Use the first N test images \\[default: all].")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure a model's accuracy on test images, or on a file of inputs and labels."""
    with reported_errors(as_json):
        from flow.commands.evaluate import evaluate as run

        run(model, data, backend, images, quiet=quiet, as_json=as_json)


@app.command()
def infer(
    images: Annotated[
        list[Path], typer.Argument(help="Pictures, folders of pictures, or .npy/.npz of inputs.")
    ],
    model: Model = None,
    board: Board = None,
    config: Config = None,
    backend: Annotated[
        str, typer.Option("--backend", help="What computes: golden, cppsim or sim (of a build).")
    ] = "golden",
    top: Annotated[int, typer.Option("--top", min=1, help="Classes to show.")] = 5,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Folder for one PNG an image.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option("--classes", help="Class names in order, with commas.")
    ] = None,
    build_dir: BuildDir = Path("build"),
    as_json: AsJson = False,
) -> None:
    """Classify pictures: cut, scale, show classes with their probabilities."""
    with reported_errors(as_json):
        from flow.commands.infer import InferOptions, expand
        from flow.commands.infer import infer as run

        request = build_request(board, config, model, None, None, None, build_dir)
        names = tuple(name.strip() for name in classes.split(",")) if classes else ()
        run(request, expand(images), InferOptions(backend, top, plot, names), as_json=as_json)
