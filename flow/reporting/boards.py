"""The table of what was measured on boards, from the records that `infer.py --throughput` gives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from driver.record import RECORD_SCHEMA
from flow.errors import UserError
from flow.paths import shown
from flow.tools.markdown import Marks, markdown_table

BOARDS = Marks(
    "<!-- boards: written by `flow report --boards --into FILE`, never by hand -->",
    "<!-- /boards -->",
)
NOTHING = (
    "Nothing has been measured on a board yet. Send us the output of "
    "`sudo bash run.sh --throughput --json`."
)
_COLUMNS = (
    *("build", "board", "identity", "image", "pynq", "clock, MHz"),
    *("frames/s, core", "frames/s, end to end", "W, by sensor"),
)


def read_board_records(folder: Path) -> list[dict[str, Any]]:
    """Return every record in `folder`: *.json, each what `infer.py --throughput --json` printed.

    A missing folder has none. Raises UserError for a file that is no record of a board.
    """
    records = []
    for path in sorted(folder.glob("*.json")):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            found = dict(said.get("record", said))
        except (ValueError, AttributeError, TypeError) as error:
            raise UserError(f"{shown(path)}: is no record of a board: {error}") from error
        if found.get("schema") != RECORD_SCHEMA:
            raise UserError(
                f"{shown(path)}: has record schema {found.get('schema')}, {RECORD_SCHEMA} is read "
                "here; it is what infer.py --throughput --json prints"
            )
        if found.get("backend") != "pynq":
            raise UserError(
                f"{shown(path)}: was measured with --backend {found.get('backend')}; only a "
                "board's own (pynq) belongs into this table"
            )
        records.append(found)
    return records


def boards_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table with a row a record, or the sentence that there is none."""
    if not records:
        return NOTHING
    return markdown_table(_COLUMNS, [_row(record) for record in records])


def _row(record: Mapping[str, Any]) -> list[str]:
    place = record["surroundings"]
    watts = ", ".join(f"{name} {value:g}" for name, value in record["power_w"].items())
    core = record["core_fps"]
    return [
        str(record["name"]),
        str(record["board"]),
        str(record["identity"])[:12],
        str(place["image"] or "–"),
        str(place["pynq"] or "–"),
        f"{record['clock_mhz']:g}",
        "–" if core is None else f"{core:,.0f}",
        f"{record['end_to_end_fps']:,.0f}",
        watts or "–",
    ]
