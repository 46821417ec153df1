"""`flow boards` and `flow schema`: show what is known, change nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import typer

from flow.board import all_boards
from flow.commands.output import print_json, print_table
from flow.config import BuildConfig
from flow.engine.report import Report
from flow.errors import UserError
from flow.paths import shown

SCHEMAS: dict[str, type[BuildConfig] | type[Report]] = {"config": BuildConfig, "report": Report}


def boards(*, as_json: bool) -> None:
    """Print every board with its device and what that has."""
    found = all_boards()
    if as_json:
        print_json([board.model_dump(mode="json") for board in found])
        return
    print_table(
        ["board", "part", "Vivado", "clock", "LUT", "FF", "BRAM36", "URAM", "DSP", "default build"],
        [
            [
                board.name,
                board.part,
                board.vivado_edition,
                f"{board.default_clock_mhz:g} MHz",
                *(f"{count:,}" for _, count in board.device),
                board.default_config or "-",
            ]
            for board in found
        ],
    )


def write_settings(kind: Literal["config", "report"], into: Path) -> None:
    """Put the tables of a configuration's settings between the marks in a Markdown file.

    Raises UserError for another `kind`, or a file without the marks.
    """
    from flow.reporting.settings import SETTINGS, settings_tables
    from flow.tools.markdown import write_block

    if kind != "config":
        raise UserError("--into: there are tables for the configuration only: flow schema config")
    write_block(into, settings_tables(), SETTINGS)
    typer.echo(f"{shown(into)}: tables of the settings")


def schema_text(kind: Literal["config", "report"]) -> str:
    """Return the JSON schema of a build configuration or of report.json, as kept in the files."""
    schema: dict[str, Any] = SCHEMAS[kind].model_json_schema(by_alias=True)
    return json.dumps(schema, indent=2) + "\n"
