"""`flow report`: what builds measured, in the terminal, as pages, as a Markdown table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from flow.commands.output import print_json
from flow.commands.selection import BuildRequest, select_target
from flow.commands.summary import summary_lines
from flow.engine.report import read_report
from flow.errors import UserError
from flow.paths import repository_root, shown


@dataclass(frozen=True)
class ReportOptions:
    """What to make of the reports."""

    every: bool = False
    """All builds in the build folder instead of one."""
    html: bool = True
    """Write a page beside each report.json."""
    into: Path | None = None
    """Put the result table between the marks in this file."""
    trained: bool = False
    """Trained networks by the records beside them, instead of builds."""
    boards: bool = False
    """What was measured on boards, by the records sent in."""


def report(
    request: BuildRequest,
    path: Path | None,
    options: ReportOptions,
    *,
    as_json: bool,
    quiet: bool = False,
) -> None:
    """Print what was measured and write the pages.

    `path` is a report.json, the folder of a build, or with `options.every` a folder of builds;
    without it the build is found by its options. Raises UserError if there is no report.
    """
    if options.trained:
        _report_trained(path or repository_root() / "models", options, as_json=as_json, quiet=quiet)
        return
    if options.boards:
        _report_boards(
            path or repository_root() / "docs" / "boards", options, as_json=as_json, quiet=quiet
        )
        return
    if options.into is not None and not options.every:
        raise UserError("--into: the table lists all builds; add --all")
    if options.every:
        _report_all(path or request.build_dir, options, as_json=as_json, quiet=quiet)
        return
    if path is None:
        path = select_target(request).dir / "report.json"
    elif path.is_dir():
        path = path / "report.json"
    found = read_report(path)
    if as_json:
        print_json(found.to_json())
    elif not quiet:
        typer.echo("\n".join(summary_lines(found, path.parent)))
    if options.html and path.name == "report.json":
        from flow.reporting.page import write_page

        page = write_page(path.parent)
        if not (as_json or quiet):
            typer.echo(f"  page: {shown(page)}")


def _report_all(folder: Path, options: ReportOptions, *, as_json: bool, quiet: bool) -> None:
    from flow.reporting.page import find_builds, write_overview
    from flow.reporting.table import collect_reports, result_table, write_tables

    reports = collect_reports(folder)
    table = result_table(reports)
    if options.into is not None:
        write_tables(options.into, reports)
    if as_json:
        print_json([one.to_json() for one in reports])
    elif not quiet:
        typer.echo(table if options.into is None else f"{shown(options.into)}: table of {folder}")
    if options.html and find_builds(folder):
        page = write_overview(folder)
        if not (as_json or quiet):
            typer.echo(f"overview: {shown(page)}")


def _report_trained(folder: Path, options: ReportOptions, *, as_json: bool, quiet: bool) -> None:
    from flow.reporting.trained import (
        CITED_FILE,
        COMPARED,
        TRAINED,
        compared_table,
        read_cited,
        read_records,
        trained_table,
    )
    from flow.tools.markdown import write_block

    records = read_records(folder)
    table = trained_table(records)
    if options.into is not None:
        cited = read_cited(repository_root() / CITED_FILE)
        write_block(options.into, table, TRAINED)
        write_block(options.into, compared_table(cited, records), COMPARED)
    if as_json:
        print_json(records)
    elif not quiet:
        typer.echo(table if options.into is None else f"{shown(options.into)}: tables of {folder}")


def _report_boards(folder: Path, options: ReportOptions, *, as_json: bool, quiet: bool) -> None:
    from flow.reporting.boards import BOARDS, boards_table, read_board_records
    from flow.tools.markdown import write_block

    records = read_board_records(folder)
    table = boards_table(records)
    if options.into is not None:
        write_block(options.into, table, BOARDS)
    if as_json:
        print_json(records)
    elif not quiet:
        typer.echo(table if options.into is None else f"{shown(options.into)}: table of {folder}")
