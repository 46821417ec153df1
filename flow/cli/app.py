"""The application that the commands are declared on."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

app = typer.Typer(
    name="flow",
    help="A trained binary network in, a bit-exactly verified FPGA accelerator out.",
    epilog="Exit status: 0 done, 1 a tool failed, 2 wrong input, 3 a check failed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """A trained binary network in, a bit-exactly verified FPGA accelerator out."""
    if version:
        typer.echo(f"flow (bnnflow) {metadata.version('bnnflow')}")
        raise typer.Exit
