"""Tables in Markdown, and blocks of a file that a command writes between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from flow.errors import UserError
from flow.paths import shown


class Marks(NamedTuple):
    """Two lines of a Markdown file; what is between them is written by a command."""

    begin: str
    end: str


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table without a last newline."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replace_block(text: str, table: str, where: str, marks: Marks) -> str:
    """Return `text` with `table` between the marks.

    Raises UserError naming `where` if the marks are not there, once each and in order.
    """
    begin, end = marks
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise UserError(
            f"{where}: the table goes between the lines\n  {begin}\n  {end}\n"
            "put them where it belongs, once each"
        )
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n\n{table}\n\n{end}{rest.partition(end)[2]}"


def write_block(path: Path, table: str, marks: Marks) -> None:
    """Put `table` between the marks in the file `path`; errors as in `replace_block`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"--into: {shown(path)} cannot be read: {error.strerror}") from error
    path.write_text(replace_block(text, table, shown(path), marks), encoding="utf-8")
