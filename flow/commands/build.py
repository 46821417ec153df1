"""`flow build`: bring a build up to date."""

from __future__ import annotations

from dataclasses import replace

import typer

from flow.commands.output import print_json, print_table
from flow.commands.selection import BuildRequest, select_build
from flow.commands.summary import summary_lines
from flow.config import require_model
from flow.engine.dry_run import plan_json, plan_lines, planned_commands
from flow.engine.planner import plan
from flow.engine.progress import choose_progress
from flow.engine.runner import RunOptions, run_build, stage_range
from flow.engine.state import Build


def build(
    request: BuildRequest, options: RunOptions, *, dry_run: bool, quiet: bool, as_json: bool
) -> None:
    """Run the stages and print what was built; errors are raised as the stages raise them."""
    selected = select_build(request)
    require_model(selected.config)
    if not (quiet or as_json):
        _note_clock(selected)
    ids = selected.pipeline.ids
    first, last = stage_range(selected, options)
    options = replace(
        options,
        first=options.first and ids[first],
        last=options.last and ids[last],
    )
    if dry_run:
        _show_plan(selected, options, as_json)
        return
    report = run_build(selected, options, choose_progress(quiet or as_json, options.verbose))
    if as_json:
        print_json(report.to_json())
    elif not quiet:
        typer.echo("\n".join(summary_lines(report, selected.dir)))


def _note_clock(build: Build) -> None:
    """Say so if the clock asked for is not the one that the board makes."""
    asked = build.config.clock_mhz
    if asked is not None and asked - build.clock_mhz > 0.001 * asked:
        typer.echo(
            f"clock: {asked:g} MHz asked, {build.clock_mhz:g} MHz built: the PS of the "
            f"{build.board.name} divides {build.board.ps.clock.pll_mhz:g} MHz by whole numbers",
            err=True,
        )


def _show_plan(selected: Build, options: RunOptions, as_json: bool) -> None:
    first, last = stage_range(selected, options)
    lines = plan(selected, first, last, options.force)
    calls = {
        stage.id: planned_commands(selected, stage)
        for stage in selected.pipeline.stages[first : last + 1]
    }
    if as_json:
        print_json(
            [
                {
                    "id": line.id,
                    "action": line.action,
                    "reason": line.reason,
                    "commands": [plan_json(call) for call in calls.get(line.id, [])],
                }
                for line in lines
            ]
        )
        return
    print_table(["stage", "action", "reason"], [[x.id, x.action, x.reason] for x in lines])
    for stage_id, plans in calls.items():
        for call in plans:
            typer.echo("\n".join(["", f"# {stage_id}", *plan_lines(call)]))
