"""`flow costs`: measure the kernels with yosys and fit the cost model."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from flow.commands.output import print_json, print_table
from flow.errors import UserError
from flow.hardware.costs.lanes import measure_lanes
from flow.hardware.costs.measure import made_with, measure, refit
from flow.hardware.costs.model import TABLE, FitError, errors, load_model, load_table
from flow.paths import shown
from flow.tools.markdown import Marks, markdown_table, write_block

LANES = Marks(
    "<!-- lanes: written by `flow costs --lanes --into FILE`, never by hand -->",
    "<!-- /lanes -->",
)
ERRORS = Marks(
    "<!-- costs: written by `flow costs --into FILE`, never by hand -->",
    "<!-- /costs -->",
)
_ERROR_COLUMNS = ("kernel", "geometries", "LUT median / worst", "FF median / worst")
_NAMES = {
    "bnn_mvu/1": "`bnn_mvu`, 1-bit input and weights",
    "bnn_mvu/n": "`bnn_mvu`, wider input",
    "bnn_mvu/w": "`bnn_mvu`, wider weights",
}
_LANE_COLUMNS = (
    "PE x SIMD",
    "pixels",
    "zero padding",
    "LUT",
    "LUT a lane",
    "FF a lane",
    "logic levels",
)


def costs(*, remeasure: bool, fit: bool, into: Path | None, jobs: int, as_json: bool) -> None:
    """Print the cost model's errors; before that measure and fit again where asked to.

    `into`: a Markdown file whose table of errors is written anew.
    """
    if remeasure:
        measure(jobs, _show)
    found = refit() if fit or remeasure else errors(load_model(), load_table())
    if into is not None:
        write_block(into, error_table(found), ERRORS)
    if as_json:
        print_json([vars(error) for error in found])
        return
    print_table(
        ["kernel", "resource", "geometries", "median error", "worst error", "at"],
        [
            [
                error.variant,
                error.resource,
                str(error.rows),
                f"{100 * error.median:.1f} %",
                f"{100 * error.worst:.1f} %",
                error.worst_row[:80],
            ]
            for error in found
        ],
    )
    stated = json.loads(TABLE.read_text(encoding="utf-8"))["made_with"]
    stale = [name for name, value in made_with().items() if stated.get(name) != value]
    if stale:
        typer.echo(
            f"\nChanged since the measurements: {', '.join(stale)}; `flow costs --measure` "
            "measures what changed",
            err=True,
        )


def error_table(found: Sequence[FitError]) -> str:
    """Return the errors of LUT and FF as a Markdown table, one row a kernel."""
    cells = {(error.variant, error.resource): error for error in found}
    rows = []
    for name in dict.fromkeys(error.variant for error in found):
        both = [cells[name, resource] for resource in ("lut", "ff")]
        told = [f"{100 * error.median:.1f} % / {100 * error.worst:.1f} %" for error in both]
        rows.append([_NAMES.get(name, f"`{name}`"), str(both[0].rows), *told])
    return markdown_table(_ERROR_COLUMNS, rows)


def lane_costs(*, into: Path | None, jobs: int, as_json: bool) -> None:
    """Print what arrays of XNOR lanes take, or put the table between its marks in `into`.

    Raises UserError, before yosys runs, if `into` is no file.
    """
    if into is not None and not into.is_file():
        raise UserError(f"--into: there is no file {shown(into)}")
    found = measure_lanes(jobs=jobs, progress=_show)
    rows = [
        [
            f"{cost.array.pe} x {cost.array.simd}",
            str(cost.array.pixels),
            "yes" if cost.array.flags else "no",
            f"{cost.lut:,.0f}",
            f"{cost.lut_per_lane:.2f}",
            f"{cost.ff / cost.array.lanes:.2f}",
            str(cost.logic_levels),
        ]
        for cost in found
    ]
    if into is not None:
        write_block(into, markdown_table(_LANE_COLUMNS, rows), LANES)
    elif as_json:
        print_json([{**vars(cost), "array": vars(cost.array)} for cost in found])
    else:
        print_table(list(_LANE_COLUMNS), rows)


def _show(done: int, total: int | None, text: str) -> None:
    sys.stderr.write(f"[{done + 1}/{total}] {text}\n")
