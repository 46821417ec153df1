"""`flow bench folding`: FINN's SetFolding and our search on the same networks and boards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flow.board import Board, ResourceCounts, all_boards, find_board
from flow.commands.explore import planned_layers
from flow.commands.output import print_json, print_table
from flow.commands.selection import BuildRequest, select_build
from flow.engine.artifact import Artifact
from flow.engine.progress import choose_progress
from flow.engine.runner import RunOptions, run_build
from flow.finn.own_folding import FinnFolding, set_folding
from flow.hardware.exploration import Point, Row, answer
from flow.hardware.layers.matrix import MatrixLayer
from flow.tools.markdown import Marks, markdown_table, write_block

if TYPE_CHECKING:
    from flow.finn.opinion import ModelWrapper

FOLDING = Marks(
    "<!-- folding: written by `flow bench folding --into FILE`, never by hand -->",
    "<!-- /folding -->",
)
_COLUMNS = (
    *("network", "board", "wanted fps"),
    *("FINN: fps", "LUT, BRAM36, URAM", "within the budget"),
    *("ours: fps", "LUT, BRAM36, URAM", "FINN's LUTs a frame/s / ours"),
)


@dataclass(frozen=True)
class Comparison:
    """Both foldings of one network on one board for one speed, each by its own estimate."""

    network: str
    board: str
    target_fps: float
    finn_fps: float
    finn: FinnFolding
    finn_fits: bool
    ours: Row

    @property
    def ratio(self) -> float | None:
        """LUTs that a frame a second takes in FINN's design over those in ours; None: no fit."""
        if self.ours.lut is None or self.ours.fps is None:
            return None
        return (self.finn.lut / self.finn_fps) / (self.ours.lut / self.ours.fps)


def compare(
    graph: ModelWrapper,
    layers: tuple[MatrixLayer, ...],
    network: str,
    board: Board,
    target_fps: float,
) -> Comparison:
    """Fold a network both ways at the board's clock.

    graph: FINN hardware layers, as map_layers leaves them; layers: the same for our search;
    target_fps: frames a second, at least.
    """
    clock_hz = board.clock_mhz() * 1e6
    finn = set_folding(graph, board.part, int(clock_hz / target_fps))
    used = ResourceCounts(
        lut=round(finn.lut),
        ff=0,  # FINN does not estimate them
        bram36=round(finn.bram36),
        uram=round(finn.uram),
        dsp=round(finn.dsp),
    )
    return Comparison(
        network=network,
        board=board.name,
        target_fps=target_fps,
        finn_fps=clock_hz / finn.cycles,
        finn=finn,
        finn_fits=not board.budget.exceeded_by(used),
        ours=answer(Point(network, layers, board.id, target_fps)),
    )


def folding(
    models: Sequence[Path],
    boards: Sequence[str],
    targets: Sequence[float],
    data: Path | None,
    build_dir: Path,
    into: Path | None,
    *,
    as_json: bool,
) -> list[Comparison]:
    """Compare every network, board and target; print, or write the table between its marks."""
    named = [find_board(name) for name in boards] or all_boards()
    found = [
        compare(graph, layers, model.stem, board, target)
        for model in models
        for graph in (hardware_graph(model, named[0].id, data, build_dir),)
        for layers in (planned_layers(model, named[0].id, data, build_dir),)
        for board in named
        for target in targets
    ]
    if into is not None:
        write_block(into, markdown_table(_COLUMNS, [_row(each) for each in found]), FOLDING)
    elif as_json:
        print_json([{**asdict(each), "ratio": each.ratio} for each in found])
    else:
        print_table(list(_COLUMNS), [_row(each) for each in found])
    return found


def hardware_graph(model: Path, board: str, data: Path | None, build_dir: Path) -> ModelWrapper:
    """Return FINN's hardware layers of a network; it is built so far where that is not done."""
    from flow.finn.library import prepare_finn
    from flow.finn.opinion import agreed_graph, load_graph

    build = select_build(BuildRequest(board, None, model, None, data, [], build_dir))
    run_build(build, RunOptions(None, "finn", False, False), choose_progress(True, False))
    prepare_finn()
    return load_graph(agreed_graph(build.artifact(Artifact.FINN)))


def _row(each: Comparison) -> list[str]:
    ours, finn = each.ours, each.finn
    return [
        *(each.network, each.board, f"{each.target_fps:,.0f}", f"{each.finn_fps:,.0f}"),
        f"{finn.lut:,.0f}, {finn.bram36:g}, {finn.uram:g}",
        "yes" if each.finn_fits else "no",
        "does not fit" if ours.fps is None else f"{ours.fps:,.0f}",
        "-" if ours.lut is None else f"{ours.lut:,.0f}, {ours.bram36:g}, {ours.uram:g}",
        "-" if each.ratio is None else f"{each.ratio:.1f}",
    ]
