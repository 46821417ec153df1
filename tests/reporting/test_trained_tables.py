"""Tables of trained networks: from records, others' figures apart, nothing invented."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flow.cli import app
from flow.errors import UserError
from flow.paths import repository_root
from flow.reporting.trained import (
    COMPARED,
    TRAINED,
    compared_table,
    network_name,
    read_cited,
    read_records,
    trained_table,
)
from flow.tools.markdown import replace_block

SHIPPED = repository_root() / "models" / "bvgg16_w0.25_pad0.json"
CITED = """
[[figure]]
name = "Somebody's"
test_percent = 91.0
protocol = "CIFAR-10, flip"
ends = "1 bit, 1 bit"
needs = "XNOR"
source = "their page"
"""


@pytest.fixture
def record() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SHIPPED.read_text())
    return content


def test_a_row_says_what_the_record_says(record: dict[str, Any]) -> None:
    record |= {"epochs_trained": 7, "best_epoch": 6, "training_s": 3_725.0, "trained_on": "cuda"}
    record["accuracy"] = {"train": 0.5, "validation": 0.4321, "test": 0.25}
    cells = [cell.strip() for cell in trained_table([record]).splitlines()[2].split("|")[1:-1]]
    assert cells[:9] == [
        "B-VGG16, width 0.25, pad 0, global-max",
        "CIFAR-10 (JPEG copy)",
        "`models/bvgg16_w0.25_pad0.toml`",
        *("7 (6)", "1", "1 h 02 min, CUDA", "50.00", "43.21", "25.00"),
    ]


def test_an_interim_network_has_no_test_figure_and_is_not_compared(record: dict[str, Any]) -> None:
    record["accuracy"]["test"] = None
    assert "| – |" in trained_table([record])
    assert len(compared_table([], [record]).splitlines()) == 2, "only the heading"


def test_8_bit_ends_pads_and_methods_are_named(record: dict[str, Any]) -> None:
    record["recipe"]["model"] |= {"first_weight_bits": 8, "last_weight_bits": 8, "pad_value": -1}
    record["recipe"]["methods"] = {"recu": {}, "ema": {}}
    row = compared_table([], [record]).splitlines()[2]
    assert "pad -1, global-max, 8- and 8-bit ends** (recu, ema)" in row
    assert "padding with −1, a bit; 8-bit weights at the ends" in row
    cnv = record["recipe"]["model"] | {"name": "cnv", "first_weight_bits": 1, "last_weight_bits": 1}
    assert network_name(cnv) == "CNV, width 0.25"


def test_command_writes_both_tables_between_their_marks(tmp_path: Path) -> None:
    shutil.copy(SHIPPED, tmp_path)
    page = tmp_path / "page.md"
    page.write_text("\n".join(["before", *TRAINED, *COMPARED, "after"]))
    arguments = ["report", str(tmp_path), "--trained", "--into", str(page)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter")
    assert text.index("| 63.30 |") < text.index(COMPARED.begin) < text.index("CNV_1W1A, Brevitas")
    assert text.count("**63.30**") == 1


def test_page_without_marks_names_the_marks_of_the_table() -> None:
    with pytest.raises(UserError, match="trained networks: written by"):
        replace_block("", "| x |", "x.md", TRAINED)


def test_a_folder_without_records_and_a_broken_record_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no record of a trained network here"):
        read_records(tmp_path)
    (tmp_path / "net.json").write_text('{"name": "net"}')
    with pytest.raises(
        UserError, match=r"net\.json is no record of flow train --publish \(KeyError"
    ):
        read_records(tmp_path)


def test_a_cited_figure_without_its_source_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cited.toml"
    path.write_text(CITED)
    assert [one.name for one in read_cited(path)] == ["Somebody's"]
    path.write_text(CITED.replace("source", "sauce"))
    with pytest.raises(UserError, match="is no list of cited figures"):
        read_cited(path)
