"""Commands about this machine, its tools and the settings there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flow.cli.app import app
from flow.cli.options import AsJson, BuildDir
from flow.commands.output import reported_errors


@app.command()
def boards(as_json: AsJson = False) -> None:
    """List the boards and what their devices have."""
    with reported_errors(as_json):
        from flow.commands.info import boards as run

        run(as_json=as_json)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """List the tools the flow uses, which are here, and whether they are the tested ones."""
    with reported_errors(as_json):
        from flow.commands.doctor import doctor as run

        if not run(as_json=as_json):
            raise typer.Exit(1)


@app.command()
def schema(
    kind: Annotated[Literal["config", "report"], typer.Argument(help="Whose schema.")],
    into: Annotated[
        Path | None, typer.Option(help="Write the configuration's tables into this Markdown file.")
    ] = None,
) -> None:
    """Print the JSON schema of a build configuration or of report.json."""
    with reported_errors():
        from flow.commands.info import schema_text, write_settings

        if into is not None:
            write_settings(kind, into)
        else:
            typer.echo(schema_text(kind), nl=False)


@app.command(name="finn-tests")
def finn_tests(
    pattern: Annotated[str, typer.Argument(help="Part of a suite's name \\[default: all].")] = "",
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="Run this many of each test, 0 for all.")
    ] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare our window with FINN's instead.")
    ] = False,
    into: Annotated[
        Path | None, typer.Option("--into", help="Put the table between the marks in this file.")
    ] = None,
    build_dir: BuildDir = Path("build"),
    as_json: AsJson = False,
) -> None:
    """Run FINN's own tests of its RTL nodes with Verilator behind FINN's simulator interface."""
    with reported_errors(as_json):
        from flow.commands.finn_tests import compare_windows
        from flow.commands.finn_tests import finn_tests as run

        if compare:
            compare_windows(pattern, into, as_json=as_json)
        else:
            run(pattern, sample, build_dir, into, as_json=as_json)
