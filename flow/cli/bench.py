"""`flow bench`: commands that measure speed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flow.cli.app import app
from flow.cli.options import AsJson, Assignments, BuildDir, Data
from flow.commands.output import reported_errors

bench_app = typer.Typer(help="Measure speed on this machine.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")


@bench_app.command(name="cppsim")
def bench_cppsim(
    model: Annotated[
        Path | None, typer.Option("--model", help="QONNX file \\[default: an untrained B-VGG16].")
    ] = None,
    width: Annotated[
        float, typer.Option("--width", help="Factor on the channels of the untrained B-VGG16.")
    ] = 1.0,
    data: Data = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="Threads for all \\[default: processors]."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", help="Time for each figure; the best call counts.")
    ] = 3.0,
    build_dir: BuildDir = Path("build"),
    as_json: AsJson = False,
) -> None:
    """Compare the compiled model's speed with onnxruntime and PyTorch."""
    with reported_errors(as_json):
        from flow.commands.bench import cppsim as run

        run(model, width, data, threads, seconds, build_dir, as_json=as_json)


@bench_app.command(name="training")
def bench_training(
    recipe: Annotated[
        Path,
        typer.Option("--recipe", "--config", help="TOML file, or a name in models/recipes/."),
    ],
    data: Data = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps to time.")] = 10,
    device: Annotated[str, typer.Option("--device", help="PyTorch device.")] = "cpu",
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")] = False,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Time the training loop and its loader; a loader of 5 % or more is an error."""
    with reported_errors(as_json):
        from flow.commands.bench_training import training as run

        run(
            recipe,
            data,
            steps,
            assignments or [],
            device=device,
            compiled=compiled,
            as_json=as_json,
        )


@bench_app.command(name="packing")
def bench_packing(
    images: Annotated[int, typer.Option("--images", min=1, help="Images to pack.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """Compare the driver's packing and unpacking with a loop over elements."""
    with reported_errors(as_json):
        from flow.commands.bench_packing import packing as run

        run(images, as_json=as_json)


@bench_app.command(name="folding")
def bench_folding(
    models: Annotated[list[Path], typer.Option("--model", help="QONNX file; repeatable.")],
    targets: Annotated[
        list[float], typer.Option("--target-fps", help="Frames per second; repeatable.")
    ],
    boards: Annotated[
        list[str] | None, typer.Option("--board", help="Board; repeatable \\[default: all].")
    ] = None,
    data: Data = None,
    build_dir: BuildDir = Path("build"),
    into: Annotated[
        Path | None, typer.Option("--into", help="Write the table between its marks in this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare FINN's SetFolding with our search: speed and resources, each by its estimate."""
    with reported_errors(as_json):
        from flow.commands.bench_folding import folding as run
        from flow.commands.selection import data_folder

        run(models, boards or [], targets, data_folder(data), build_dir, into, as_json=as_json)
