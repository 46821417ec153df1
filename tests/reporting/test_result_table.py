"""The result table: made from reports, put between marks, nothing invented."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flow.cli import app
from flow.errors import UserError
from flow.reporting.table import (
    BEGIN,
    END,
    ESTIMATES,
    RESULTS,
    collect_reports,
    estimate_table,
    result_table,
)
from flow.tools.markdown import Marks, replace_block


def test_a_row_holds_what_was_measured_and_dashes_elsewhere(
    full_build: Path, bare_build: Path
) -> None:
    lines = result_table(collect_reports(full_build.parents[1])).splitlines()
    assert lines[2] == "| bare | ZCU104 | – | – | – | – | – | – |"
    assert lines[3] == (
        "| toy | ZCU104 | 3.4 | 5,000 | 39,000 at 200 MHz, simulated | 1,100, 11, 0 "
        "| – | cppsim (10,000), **rtlsim: no** |"
    )


def test_estimates_stand_beside_what_was_found(full_build: Path, bare_build: Path) -> None:
    lines = estimate_table(collect_reports(full_build.parents[1])).splitlines()
    assert lines[2:] == [
        "| toy | ZCU104 | 1,000 / 1,100 (-9.1%) | – | 10 / 11 (-9.1%) | – "
        "| 40,000 / 39,000 (+2.6%) |"
    ]


def report_into(page: Path, marks: Marks, build: Path) -> str:
    """Run `flow report --all --into` on a page of nothing but marks; return what it then holds."""
    page.write_text(f"{marks.begin}\n{marks.end}\n")
    arguments = ["report", "--all", str(build.parents[1]), "--into", str(page)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return page.read_text()


def test_a_page_gets_the_tables_it_has_marks_for(full_build: Path, tmp_path: Path) -> None:
    page = report_into(tmp_path / "page.md", ESTIMATES, full_build)
    assert "(+2.6%)" in page and BEGIN not in page


def test_the_block_is_replaced_and_nothing_else() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert (
        replace_block(text, "| new |", "x.md", RESULTS)
        == f"before\n{BEGIN}\n\n| new |\n\n{END}\nafter\n"
    )


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_file_without_one_pair_of_marks_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"x\.md: the table goes between the lines"):
        replace_block(text, "| new |", "x.md", RESULTS)


def test_report_all_writes_table_and_pages(full_build: Path, tmp_path: Path) -> None:
    assert "| toy | ZCU104 |" in report_into(tmp_path / "README.md", RESULTS, full_build)
    assert (full_build / "report.html").is_file()
    assert (full_build.parents[1] / "index.html").is_file()


def test_into_needs_all(full_build: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(full_build), "--into", "x.md"])
    assert result.exit_code == 2
    assert "--into: the table lists all builds; add --all" in result.stderr
