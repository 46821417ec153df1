"""The command line: options are declared here, the work is in `flow.commands`.

Nothing heavy is imported before a command runs: `flow --help` answers at once.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flow.commands.output import reported_errors

if TYPE_CHECKING:
    from flow.commands.selection import BuildRequest

app = typer.Typer(
    name="flow",
    help="A trained binary network in, a bit-exactly verified FPGA accelerator out.",
    epilog="Exit status: 0 done, 1 a tool failed, 2 wrong input, 3 a check failed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

bench_app = typer.Typer(help="Measure speed on this machine.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")


def _known_boards(incomplete: str) -> list[str]:
    from flow.board import all_boards

    return [b.name for b in all_boards() if b.name.lower().startswith(incomplete.lower())]


def _known_configs(incomplete: str) -> list[str]:
    from flow.paths import configs_dir

    return [p.stem for p in sorted(configs_dir().glob("*.toml")) if p.stem.startswith(incomplete)]


Board = Annotated[
    str | None,
    typer.Option(
        "--board",
        help="Board to build for; `flow boards` lists them.",
        autocompletion=_known_boards,
    ),
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config",
        help="Configuration: a TOML file, or one in build_configs/.",
        autocompletion=_known_configs,
    ),
]
Model = Annotated[
    Path | None, typer.Option("--model", help="QONNX file; the build is named after it.")
]
TargetFps = Annotated[
    float | None, typer.Option("--target-fps", help="Frames per second to fold for.")
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder with CIFAR-10 \\[default: BNNFLOW_DATA, if set]."),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any configuration key; repeatable."),
]
BuildDir = Annotated[Path, typer.Option("--build-dir", help="Where builds are kept.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """A trained binary network in, a bit-exactly verified FPGA accelerator out."""
    if version:
        typer.echo(f"flow (bnnflow) {metadata.version('bnnflow')}")
        raise typer.Exit


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
                _request(board, config, model, target_fps, data, assignments, build_dir),
                RunOptions(first, last, force, verbose),
                memory_gib=docker_memory,
                dry_run=dry_run,
                quiet=quiet,
                as_json=as_json,
            )
            raise typer.Exit(status)
        from flow.commands.build import build as run

        run(
            _request(board, config, model, target_fps, data, assignments, build_dir),
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
            _request(board, config, model, None, data, assignments, build_dir),
            [name for name, wanted in named.items() if wanted],
            VerifyOptions(images, hash_check),
            quiet=quiet,
            as_json=as_json,
        )


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
    """Measure a model's accuracy on the CIFAR-10 test images."""
    with reported_errors(as_json):
        from flow.commands.evaluate import evaluate as run

        run(model, data, backend, images, quiet=quiet, as_json=as_json)


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


@app.command()
def boards(as_json: AsJson = False) -> None:
    """List the boards and what their devices have."""
    with reported_errors(as_json):
        from flow.commands.info import boards as run

        run(as_json=as_json)


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

        request = _request(board, config, model, None, None, None, build_dir)
        options = ReportOptions(every, html, into, trained, boards)
        run(request, path, options, as_json=as_json, quiet=quiet)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(help="QONNX file.")],
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
def infer(
    images: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
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

        request = _request(board, config, model, None, None, None, build_dir)
        names = tuple(name.strip() for name in classes.split(",")) if classes else ()
        run(request, expand(images), InferOptions(backend, top, plot, names), as_json=as_json)


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

        request = _request(board, config, model, None, None, None, build_dir)
        run(request, layer, WaveOptions(cycle, span, image, output), as_json=as_json)


@app.command(name="finn-tests")
def finn_tests(
    pattern: Annotated[str, typer.Argument(help="Part of a suite's name \\[default: all].")] = "",
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="Run this many of each test, 0 for all.")
    ] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare our window with FINN's instead.")
    ] = False,
    into: Annotated[
        Path | None, typer.Option("--into", help="Put the table between the marks in this file.")
    ] = None,
    build_dir: BuildDir = Path("build"),
    as_json: AsJson = False,
) -> None:
    """Run FINN's own tests of its RTL nodes with Verilator behind FINN's simulator interface."""
    with reported_errors(as_json):
        from flow.commands.finn_tests import compare_windows
        from flow.commands.finn_tests import finn_tests as run

        if compare:
            compare_windows(pattern, into, as_json=as_json)
        else:
            run(pattern, sample, build_dir, into, as_json=as_json)


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

        request = _request(board, config, model, None, None, None, build_dir)
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
def doctor(as_json: AsJson = False) -> None:
    """List the tools the flow uses, which are here, and whether they are the tested ones."""
    with reported_errors(as_json):
        from flow.commands.doctor import doctor as run

        if not run(as_json=as_json):
            raise typer.Exit(1)


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


@app.command()
def schema(
    kind: Annotated[Literal["config", "report"], typer.Argument(help="Whose schema.")],
    into: Annotated[
        Path | None, typer.Option(help="Write the configuration's tables into this Markdown file.")
    ] = None,
) -> None:
    """Print the JSON schema of a build configuration or of report.json."""
    with reported_errors():
        from flow.commands.info import schema_text, write_settings

        if into is not None:
            write_settings(kind, into)
        else:
            typer.echo(schema_text(kind), nl=False)


def _request(
    board: str | None,
    config: str | None,
    model: Path | None,
    target_fps: float | None,
    data: Path | None,
    assignments: list[str] | None,
    build_dir: Path,
) -> BuildRequest:
    from flow.commands.selection import BuildRequest as Request

    return Request(board, config, model, target_fps, data, assignments or [], build_dir)


def main() -> None:
    """Run the command line."""
    app()
