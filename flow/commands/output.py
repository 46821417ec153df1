"""What every command shares: how results and errors reach the terminal."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from flow.errors import FlowError, UserError

INTERRUPTED_STATUS = 130
INTERNAL_ERROR_STATUS = 1
_NO_PLACE = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


@contextlib.contextmanager
def reported_errors(as_json: bool = False) -> Iterator[None]:
    """Show what goes wrong as one clear message and end with the status that belongs to it.

    2: the input is at fault; 3: a check failed; 1: a tool failed, or the flow has a bug.
    """
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except typer.Exit:
        raise
    except FlowError as error:
        _fail(str(error), error.exit_code, as_json)
    except KeyboardInterrupt:
        _fail(
            "interrupted; finished stages are kept, the same command goes on from there",
            INTERRUPTED_STATUS,
            as_json,
        )
    except BrokenPipeError:  # the reader has seen enough: `flow … | head`
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # for the last flush
        raise typer.Exit(INTERNAL_ERROR_STATUS) from None
    except Exception as error:  # the last line of defence: no traceback for users
        if isinstance(error, OSError) and error.errno in _NO_PLACE:
            where = f" {error.filename}" if error.filename else ""
            told = f"cannot write{where}: {error.strerror}; choose another folder or file"
            _fail(told, UserError.exit_code, as_json)
        notes = "; ".join(getattr(error, "__notes__", ()))
        if not notes:
            traceback.print_exc()
        text = " ".join(str(error).split())
        _fail(
            f"internal error: {type(error).__name__}: {text}{f' ({notes})' if notes else ''}; "
            "please report it with that traceback",
            INTERNAL_ERROR_STATUS,
            as_json,
        )
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Treat SIGTERM as Ctrl-C: end tools, keep finished results, release the lock."""
    raise KeyboardInterrupt


def _fail(message: str, status: int, as_json: bool) -> None:
    typer.echo(f"error: {message}", err=True)
    if as_json:
        print_json({"error": message, "exit_code": status})
    raise typer.Exit(status)


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    typer.echo(json.dumps(value, indent=2))


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Print a table on stdout; columns are as wide as their widest cell."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    width = None if sys.stdout.isatty() else 160
    Console(width=width, soft_wrap=False).print(table)
