"""Records of boards become a table; without any it says so; a simulation's is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flow.cli import app
from flow.errors import UserError
from flow.paths import repository_root
from flow.reporting.boards import BOARDS, NOTHING, boards_table, read_board_records

RECORD = {
    "schema": 1,
    "name": "cnv",
    "board": "ZCU104",
    "backend": "pynq",
    "identity": "0123456789abcdef" * 4,
    "clock_mhz": 187.499998,
    "closed_mhz": 187.499998,
    "core_fps": 22888.2,
    "end_to_end_fps": 15000.4,
    "images": 1000,
    "batch": 64,
    "power_w": {"ina260_u14/power1": 3.25},
    "built_with": {},
    "surroundings": {"image": "PynqLinux 3.0", "pynq": "3.0.1"},
}


def write(folder: Path, name: str, values: object) -> None:
    (folder / name).write_text(json.dumps(values))


def test_a_record_is_a_row(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"record": RECORD, "exit_status": 0})
    write(tmp_path, "b.json", {**RECORD, "core_fps": None, "power_w": {}})
    first, second = boards_table(read_board_records(tmp_path)).splitlines()[2:]
    assert first == (
        "| cnv | ZCU104 | 0123456789ab | PynqLinux 3.0 | 3.0.1 | 187.5 | 22,888 | 15,000 | "
        "ina260_u14/power1 3.25 |"
    )
    assert second.endswith("| – | 15,000 | – |")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**RECORD, "backend": "sim"}, "was measured with --backend sim; only a board's own"),
        ({**RECORD, "schema": 9}, "has record schema 9, 1 is read here"),
        ([1], "is no record of a board"),
    ],
)
def test_what_is_no_record_of_a_board_is_refused(
    values: object, message: str, tmp_path: Path
) -> None:
    write(tmp_path, "a.json", values)
    with pytest.raises(UserError, match=message):
        read_board_records(tmp_path)


def test_the_docs_hold_the_table_of_the_records_there_are(tmp_path: Path) -> None:
    records = read_board_records(repository_root() / "docs" / "boards")
    text = (repository_root() / "docs" / "bring_up.md").read_text(encoding="utf-8")
    inside = text.partition(BOARDS.begin)[2].partition(BOARDS.end)[0].strip()
    assert inside == boards_table(records)
    page = tmp_path / "page.md"
    page.write_text(f"{BOARDS.begin}\n{BOARDS.end}\n")
    result = CliRunner().invoke(app, ["report", str(tmp_path), "--boards", "--into", str(page)])
    assert result.exit_code == 0, result.output
    assert NOTHING in page.read_text()
