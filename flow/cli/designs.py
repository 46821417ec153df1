"""Commands that make a design and look at it."""

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
    TargetFps,
    build_request,
)
from flow.commands.output import reported_errors


@app.command()
def build(
    board: Board = None,
    config: Config = None,
    model: Model = None,
    target_fps: TargetFps = None,
    data: Data = None,
    assignments: Assignments = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First stage to run; earlier ones must stand.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last stage to run.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run stages whose result stands.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, and why.")
    ] = False,
    docker: Annotated[
        bool, typer.Option("--docker", help="Build in a container (needs the extra `docker`).")
    ] = False,
    docker_memory: Annotated[
        float | None,
        typer.Option(
            "--docker-memory", min=1.0, help="Its memory in GiB \\[default: 80 % of the daemon's]."
        ),
    ] = None,
    build_dir: BuildDir = Path("build"),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the log too.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Build an accelerator: run every stage whose result does not stand already."""
    with reported_errors(as_json):
        from flow.engine.runner import RunOptions

        if docker:
            from flow.commands.docker import build_in_docker

            status = build_in_docker(
                build_request(board, config, model, target_fps, data, assignments, build_dir),
                RunOptions(first, last, force, verbose),
                memory_gib=docker_memory,
                dry_run=dry_run,
                quiet=quiet,
                as_json=as_json,
            )
            raise typer.Exit(status)
        from flow.commands.build import build as run

        run(
            build_request(board, config, model, target_fps, data, assignments, build_dir),
            RunOptions(first, last, force, verbose),
            dry_run=dry_run,
            quiet=quiet,
            as_json=as_json,
        )


@app.command()
def verify(
    board: Board = None,
    config: Config = None,
    model: Model = None,
    data: Data = None,
    assignments: Assignments = None,
    python: Annotated[
        bool, typer.Option("--python", help="The hardware graph, in Python.")
    ] = False,
    cppsim: Annotated[bool, typer.Option("--cppsim", help="The compiled bit model.")] = False,
    rtlsim: Annotated[bool, typer.Option("--rtlsim", help="The RTL, cycle by cycle.")] = False,
    driver: Annotated[bool, typer.Option("--driver", help="The board driver, simulated.")] = False,
    netlist: Annotated[
        bool, typer.Option("--netlist", help="The mapped netlist beside the RTL; only if named.")
    ] = False,
    images: Annotated[
        int | None, typer.Option("--images", min=1, help="Images to compare.")
    ] = None,
    hash_check: Annotated[
        bool,
        typer.Option("--hash-check/--no-hash-check", help="Refuse files changed outside the flow."),
    ] = True,
    build_dir: BuildDir = Path("build"),
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Repeat checks against the golden model on a built design (none named: all but --netlist)."""
    with reported_errors(as_json):
        from flow.commands.verify import verify as run
        from flow.engine.verify import VerifyOptions

        named = {"python": python, "cppsim": cppsim, "rtlsim": rtlsim, "driver": driver}
        named["netlist"] = netlist
        run(
            build_request(board, config, model, None, data, assignments, build_dir),
            [name for name, wanted in named.items() if wanted],
            VerifyOptions(images, hash_check),
            quiet=quiet,
            as_json=as_json,
        )


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(help="QONNX or QCDQ file.")],
    deep: Annotated[
        bool, typer.Option("--deep/--quick", help="Also ask FINN for its opinion.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Say what is in a model, what becomes hardware, and what does not and why."""
    with reported_errors(as_json):
        from flow.commands.inspect import inspect as run

        run(model, deep=deep, as_json=as_json)


@app.command()
def waves(
    layer: Annotated[str, typer.Argument(help="Layer, for instance MVAU_3.")],
    board: Board = None,
    config: Config = None,
    model: Model = None,
    cycle: Annotated[
        int | None,
        typer.Option(min=0, help="Middle of the trace \\[default: first difference or output]."),
    ] = None,
    span: Annotated[int, typer.Option(min=1, help="Cycles to write.")] = 400,
    image: Annotated[int, typer.Option(help="Which golden image.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder to write to \\[default: in the build].")
    ] = None,
    build_dir: BuildDir = Path("build"),
    as_json: AsJson = False,
) -> None:
    """Simulate one layer of a build and write a trace for GTKWave or Surfer."""
    with reported_errors(as_json):
        from flow.commands.waves import WaveOptions
        from flow.commands.waves import waves as run

        request = build_request(board, config, model, None, None, None, build_dir)
        run(request, layer, WaveOptions(cycle, span, image, output), as_json=as_json)


@app.command()
def clean(
    board: Board = None,
    config: Config = None,
    model: Model = None,
    every: Annotated[bool, typer.Option("--all", help="All builds in the build folder.")] = False,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Only what failed or broken runs left.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed.")] = False,
    build_dir: BuildDir = Path("build"),
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Remove a build, all builds, or what unfinished stages left."""
    with reported_errors(as_json):
        from flow.commands.clean import CleanOptions
        from flow.commands.clean import clean as run

        request = build_request(board, config, model, None, None, None, build_dir)
        run(request, CleanOptions(every, unfinished, dry_run), as_json=as_json, quiet=quiet)


@app.command(name="explore")
def explore_designs(
    models: Annotated[list[Path], typer.Option("--model", help="QONNX file; repeatable.")],
    boards: Annotated[
        list[str] | None, typer.Option("--board", help="Board; repeatable \\[default: all].")
    ] = None,
    targets: Annotated[
        list[float] | None,
        typer.Option("--target-fps", min=0.001, help="Smallest design of this speed; repeatable."),
    ] = None,
    widths: Annotated[
        list[float] | None,
        typer.Option("--width", min=0.001, help="Factor on the network's channels; repeatable."),
    ] = None,
    clock_mhz: Annotated[
        float | None, typer.Option("--clock-mhz", help="Clock \\[default: the board's].")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("explore"),
    data: Data = None,
    build_dir: BuildDir = Path("build"),
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = 1,
    dask: Annotated[
        str | None, typer.Option("--dask", help="Address of a Dask scheduler to run on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fold networks for boards and targets: CSV and Pareto plot, by the cost model."""
    with reported_errors(as_json):
        from flow.commands.explore import run
        from flow.commands.selection import data_folder

        run(
            models,
            boards or [],
            targets or [],
            widths or [],
            clock_mhz,
            out,
            data_folder(data),
            build_dir,
            jobs,
            dask,
            as_json=as_json,
        )


@app.command()
def costs(
    remeasure: Annotated[
        bool, typer.Option("--measure", help="Run yosys on what changed, and fit.")
    ] = False,
    fit: Annotated[bool, typer.Option("--fit", help="Fit to the kept table again.")] = False,
    lanes: Annotated[
        bool, typer.Option("--lanes", help="LUTs a lane of the matrix-vector unit instead.")
    ] = False,
    into: Annotated[
        Path | None, typer.Option("--into", help="Put the table into this page.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="yosys runs at a time.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Show how good the cost model of the kernels is; measure and fit it again."""
    with reported_errors(as_json):
        from flow.commands.costs import costs as run
        from flow.commands.costs import lane_costs

        if lanes:
            lane_costs(into=into, jobs=jobs, as_json=as_json)
        else:
            run(remeasure=remeasure, fit=fit, into=into, jobs=jobs, as_json=as_json)


@app.command()
def report(
    path: Annotated[
        Path | None, typer.Argument(help="report.json, the folder of a build, or of all.")
    ] = None,
    board: Board = None,
    config: Config = None,
    model: Model = None,
    every: Annotated[bool, typer.Option("--all", help="All builds, and an overview page.")] = False,
    trained: Annotated[
        bool, typer.Option("--trained", help="Trained networks, PATH their folder [models].")
    ] = False,
    boards: Annotated[
        bool,
        typer.Option("--boards", help="Measured on boards, PATH the records [docs/boards]."),
    ] = False,
    html: Annotated[
        bool, typer.Option("--html/--no-html", help="Write the page beside report.json.")
    ] = True,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="Put the tables between the marks in this file."),
    ] = None,
    build_dir: BuildDir = Path("build"),
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what builds measured, in the terminal and as self-contained HTML pages."""
    with reported_errors(as_json):
        from flow.commands.report import ReportOptions
        from flow.commands.report import report as run

        request = build_request(board, config, model, None, None, None, build_dir)
        options = ReportOptions(every, html, into, trained, boards)
        run(request, path, options, as_json=as_json, quiet=quiet)
