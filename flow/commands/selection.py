"""From command line options to one build: configuration, board, folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flow.board import Board, find_board
from flow.config import BuildConfig, find_config, load_config, parse_config, read_toml
from flow.engine.pipeline import HLS_STAGES, Pipeline, load_pipeline
from flow.engine.state import Build
from flow.environment import read_environment
from flow.errors import UserError
from flow.overrides import parse_assignments
from flow.paths import configs_dir, shown


@dataclass(frozen=True)
class BuildRequest:
    """The options that say what to build, as typed."""

    board: str | None = None
    config: str | None = None
    model: Path | None = None
    target_fps: float | None = None
    data: Path | None = None
    assignments: Sequence[str] = ()
    build_dir: Path = Path("build")

    def options(self) -> str:
        """Return --board, --config and --model as they were typed, for a command to repeat."""
        given = {"--board": self.board, "--config": self.config, "--model": self.model}
        return shlex.join(
            word
            for name, value in given.items()
            if value is not None
            for word in (name, str(value))
        )


@dataclass(frozen=True)
class Selection:
    """What is to be built, and where; enough to look at it without importing the stages."""

    config: BuildConfig
    board: Board
    dir: Path


def select_build(request: BuildRequest, pipeline: Pipeline | None = None) -> Build:
    """Return the build that is meant, with its stages; errors as in `select_target`."""
    target = select_target(request)
    if pipeline is None and target.config.impl == "hls":
        pipeline = load_pipeline(HLS_STAGES)
    return Build(
        dir=target.dir,
        config=target.config,
        board=target.board,
        data_dir=data_folder(request.data),
        asked=request.options(),
        pipeline=pipeline or load_pipeline(),
    )


def select_target(request: BuildRequest) -> Selection:
    """Return which configuration on which board is meant.

    --board alone takes the board's own configuration; --model takes the file's name for the
    build, and the settings of --config, or the defaults. Options beat --set, which beats the file.
    Raises UserError if the options do not say what to build, or name something unknown.
    """
    board = find_board(request.board) if request.board is not None else None
    config = _config(request, board)
    if board is None:
        if config.board is None:
            raise UserError(
                f"build {config.name}: which board? Give --board NAME, or board = NAME in the "
                "configuration (flow boards lists them)"
            )
        board = find_board(config.board)
    # Absolute, because tools run in folders of their own.
    return Selection(config, board, (request.build_dir / config.name / board.id).absolute())


def _config(request: BuildRequest, board: Board | None) -> BuildConfig:
    overrides = parse_assignments(request.assignments)
    if request.target_fps is not None:
        overrides["fold.target_fps"] = request.target_fps
    if request.model is not None:
        overrides["model.source"] = str(request.model.absolute())
        overrides["name"] = _name_from(request.model)
    if request.config is not None:
        return load_config(find_config(request.config), overrides)
    if request.model is not None:
        return parse_config({}, None, overrides)
    if board is not None:
        return load_config(default_config(board), overrides)
    raise UserError(
        "which build? Give --board NAME (its default network), --config FILE, or "
        "--model FILE.onnx with --board NAME"
    )


def default_config(board: Board) -> Path:
    """Return the configuration built on a board when none is named.

    Raises UserError if the board names none that exists and not exactly one is made for it.
    """
    if board.default_config is not None:
        return find_config(board.default_config)
    made_for: list[Path] = []
    for path in sorted(configs_dir().glob("*.toml")):
        named: Any = read_toml(path).get("board")
        if isinstance(named, str) and find_board(named).id == board.id:
            made_for.append(path)
    if len(made_for) == 1:
        return made_for[0]
    found = ", ".join(path.stem for path in made_for) or "none"
    raise UserError(
        f"board {board.name} has no default configuration, and those made for it are: {found}; "
        f"give --config NAME (in {shown(configs_dir())})"
    )


def _name_from(model: Path) -> str:
    """Return a build name from a file name: what a folder name cannot hold becomes "_"."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", model.stem).lstrip("._+-") or "model"


def data_folder(given: Path | None) -> Path | None:
    """Return what --data names, else BNNFLOW_DATA, else None: a folder, or a file of inputs.

    Raises UserError if it is neither.
    """
    folder = given or read_environment().data_dir
    array = folder is not None and folder.is_file() and folder.suffix in (".npy", ".npz")
    if folder is not None and not folder.is_dir() and not array:
        source = "--data" if given is not None else "BNNFLOW_DATA"
        raise UserError(f"{source}: there is no folder, .npy or .npz file {shown(folder)}")
    return folder
