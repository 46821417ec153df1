"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flow.commands.selection import BuildRequest


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
    Path | None, typer.Option("--model", help="QONNX or QCDQ file; it names the build.")
]
TargetFps = Annotated[
    float | None, typer.Option("--target-fps", help="Frames per second to fold for.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Folder of pictures, or .npy/.npz of inputs \\[default: BNNFLOW_DATA]."
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any configuration key; repeatable."),
]
BuildDir = Annotated[Path, typer.Option("--build-dir", help="Where builds are kept.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]


def build_request(
    board: str | None,
    config: str | None,
    model: Path | None,
    target_fps: float | None,
    data: Path | None,
    assignments: list[str] | None,
    build_dir: Path,
) -> BuildRequest:
    """Return what the options name; nothing is looked up yet."""
    from flow.commands.selection import BuildRequest as Request

    return Request(board, config, model, target_fps, data, assignments or [], build_dir)
