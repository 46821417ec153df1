"""A sweep over networks, boards and targets: one folding for each point, by the cost model."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from flow.board import find_board
from flow.errors import UserError
from flow.hardware.folding import Target, choose_folding
from flow.hardware.layers.matrix import MatrixLayer, scaled
from flow.hardware.synthesis.utilisation import Utilisation


@dataclass(frozen=True)
class Point:
    """One question: how this network would do on this board."""

    network: str
    layers: tuple[MatrixLayer, ...]
    board: str
    target_fps: float | None
    """None: as fast as the board allows."""
    width: float = 1.0
    """Factor on the network's channels."""
    clock_mhz: float | None = None


@dataclass(frozen=True)
class Row:
    """One answer; counts are estimates of the cost model, None where nothing fits."""

    network: str
    width: float
    board: str
    clock_mhz: float
    target_fps: float | None
    fits: bool
    fps: float | None = None
    cycles: int | None = None
    lut: float | None = None
    ff: float | None = None
    bram36: float | None = None
    uram: float | None = None
    dsp: float | None = None
    ops_per_cycle_per_lut: float | None = None
    bottleneck: str = ""
    proven: bool = False
    remark: str = ""


def answer(point: Point) -> Row:
    """Fold one point."""
    board = find_board(point.board)
    layers = list(point.layers)
    if point.width != 1.0:
        layers = scaled(layers, point.width)
    clock = board.clock_mhz(point.clock_mhz)
    row = Row(point.network, point.width, board.name, clock, point.target_fps, False)
    target = Target(
        point.target_fps or 1.0,
        clock,
        board.yosys_family,
        Utilisation(**board.budget.model_dump()),
        board.name,
        "smallest" if point.target_fps is not None else "fastest",
        dma_width_bits=board.dma_width_bits,
    )
    try:
        folding = choose_folding(layers, target)
    except UserError as error:
        return replace(row, remark=error.text)
    cycles = folding.bottleneck_cycles
    macs = sum(layer.macs for layer in layers)
    return replace(
        row,
        fits=True,
        fps=round(target.fps(cycles), 1),
        cycles=cycles,
        lut=folding.cost.lut,
        ff=folding.cost.ff,
        bram36=folding.cost.bram36,
        uram=folding.cost.uram,
        dsp=folding.cost.dsp,
        ops_per_cycle_per_lut=round(2 * macs / cycles / folding.cost.lut, 3),
        bottleneck=folding.bottleneck,
        proven=folding.proven,
        remark=folding.advice,
    )


def explore(
    points: Sequence[Point],
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Answer every point, in order; `executor`: where, None for this process."""
    rows = []
    answers: Iterable[Row] = (
        map(answer, points) if executor is None else executor.map(answer, points)
    )
    for row in answers:
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(points))
    return rows


def pareto(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that no other of the same network and width beats in both FPS and LUTs."""
    fitting = [row for row in rows if row.fits]

    def beaten(row: Row) -> bool:
        return any(
            (other.network, other.width) == (row.network, row.width)
            and (other.fps or 0) >= (row.fps or 0)
            and (other.lut or 0) <= (row.lut or 0)
            and (other.fps, other.lut) != (row.fps, row.lut)
            for other in fitting
        )

    return [row for row in fitting if not beaten(row)]


def write_csv(rows: Iterable[Row], path: Path) -> None:
    """Write rows with a heading."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw FPS over LUTs, a colour for each network and a mark for each board, as SVG or PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    networks = sorted({f"{row.network} x{row.width:g}" for row in rows if row.fits})
    boards = sorted({row.board for row in rows if row.fits})
    for row in rows:
        if row.fits:
            colour = networks.index(f"{row.network} x{row.width:g}")
            mark = "osD^vP*X<>"[boards.index(row.board) % 10]
            axes.plot([row.lut or 0], [row.fps or 0], mark, color=f"C{colour}", alpha=0.7)
    for number, network in enumerate(networks):
        front = sorted(
            (row.lut or 0, row.fps or 0)
            for row in pareto(rows)
            if f"{row.network} x{row.width:g}" == network
        )
        axes.plot(*zip(*front, strict=True), color=f"C{number}", label=network)
    for number, board in enumerate(boards):
        axes.plot([], [], "osD^vP*X<>"[number % 10], color="grey", label=board)
    axes.set(xscale="log", yscale="log", xlabel="LUT (cost model)", ylabel="frames per second")
    axes.grid(visible=True, which="both", alpha=0.3)
    if networks:
        axes.legend(fontsize="small")
    figure.savefig(path)
