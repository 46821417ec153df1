"""`flow explore`: which boards hold which networks, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import typer

from flow.board import all_boards, find_board
from flow.commands.output import print_json, print_table
from flow.commands.selection import BuildRequest, select_build
from flow.engine.artifact import Artifact
from flow.engine.progress import choose_progress
from flow.engine.runner import RunOptions, run_build
from flow.errors import UserError
from flow.hardware.exploration import Point, Row, explore, plot, write_csv
from flow.hardware.layers.matrix import MatrixLayer
from flow.hardware.plan import plan_hardware
from flow.network import load_network


def run(
    models: Sequence[Path],
    boards: Sequence[str],
    targets: Sequence[float],
    widths: Sequence[float],
    clock_mhz: float | None,
    folder: Path,
    data: Path | None,
    build_dir: Path,
    jobs: int,
    dask: str | None,
    *,
    as_json: bool,
) -> list[Row]:
    """Fold every combination; print a table, write explore.csv and pareto.svg in `folder`."""
    named = [find_board(name) for name in boards] or all_boards()
    points = [
        Point(model.stem, layers, board.id, target, width, clock_mhz)
        for model in models
        for layers in (planned_layers(model, named[0].id, data, build_dir),)
        for width in (widths or (1.0,))
        for board in named
        for target in (*targets, None)
    ]
    with _executor(jobs, dask) as executor:
        rows = explore(points, executor)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(rows, folder / "explore.csv")
    plot(rows, folder / "pareto.svg")
    if as_json:
        print_json([vars(row) for row in rows])
        return rows
    print_table(
        ["network", "board", "wanted", "fps", "LUT", "BRAM36", "URAM", "remark"],
        [
            [
                f"{row.network} x{row.width:g}",
                row.board,
                "fastest" if row.target_fps is None else f"{row.target_fps:g} fps",
                f"{row.fps:,.0f}" if row.fps else "-",
                f"{row.lut:,.0f}" if row.lut else "-",
                f"{row.bram36:g}" if row.bram36 is not None else "-",
                f"{row.uram:g}" if row.uram is not None else "-",
                row.remark,
            ]
            for row in rows
        ],
    )
    typer.echo(f"\n{folder / 'explore.csv'}, {folder / 'pareto.svg'}")
    return rows


def planned_layers(
    model: Path, board: str, data: Path | None, build_dir: Path
) -> tuple[MatrixLayer, ...]:
    """Return a network's layers; it is built as far as `network` where that is not done."""
    build = select_build(BuildRequest(board, None, model, None, data, [], build_dir))
    run_build(build, RunOptions(None, "network", False, False), choose_progress(True, False))
    return tuple(plan_hardware(load_network(build.artifact(Artifact.NETWORK))).layers)


def _executor(jobs: int, dask: str | None) -> AbstractContextManager[Executor | None]:
    if dask is not None:
        return nullcontext(_dask_executor(dask))
    if jobs <= 1:
        return nullcontext(None)
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def _dask_executor(address: str) -> Executor:
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise UserError(
            "--dask: the package distributed is not installed; "
            "install it with `pip install distributed`, on the workers too"
        ) from error
    executor: Executor = distributed.Client(address).get_executor()
    return executor
