"""`flow costs`: measure the kernels with yosys and fit the cost model."""

from __future__ import annotations

import json
import sys

import typer

from flow.commands.output import print_json, print_table
from flow.hw.costs.measure import made_with, measure, refit
from flow.hw.costs.model import TABLE, errors, load_model, load_table


def costs(*, remeasure: bool, fit: bool, jobs: int, as_json: bool) -> None:
    """Print the cost model's errors; before that measure and fit again where asked to."""
    if remeasure:
        measure(jobs, _show)
    found = refit() if fit or remeasure else errors(load_model(), load_table())
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


def _show(done: int, total: int, text: str) -> None:
    sys.stderr.write(f"[{done + 1}/{total}] {text}\n")
