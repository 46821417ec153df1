"""The house stays tidy: short files, few loose ones. import-linter keeps the order of the rooms."""

from __future__ import annotations

import re

from flow.errors import FoldError, NetworkError
from flow.paths import PACKAGE_DIR

MOST_LINES = 350
MOST_LOOSE = 8


def test_no_file_is_too_long_to_read() -> None:
    long = {
        path.relative_to(PACKAGE_DIR).as_posix(): count
        for path in PACKAGE_DIR.rglob("*.py")
        if (count := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}


def test_few_files_lie_outside_of_the_rooms() -> None:
    loose = sorted(path.name for path in PACKAGE_DIR.glob("*.py"))
    assert len(loose) <= MOST_LOOSE, loose


def test_no_message_of_an_error_is_cut_apart() -> None:
    """Who shows an error elsewhere reads its parts (`flow.errors.UserError`)."""
    cut = re.compile(r"str\((error|e|err)\)\.(removeprefix|removesuffix|replace|partition|split)\(")
    found = [
        path.relative_to(PACKAGE_DIR).as_posix()
        for path in PACKAGE_DIR.rglob("*.py")
        if cut.search(path.read_text())
    ]
    # A traceback's text in one line is no message of ours.
    assert found == ["commands/output.py"]


def test_an_error_is_read_in_parts() -> None:
    error = NetworkError("it reads a tensor that is no map", kind="Add", node="Add_3")
    assert str(error) == "network: Add 'Add_3': it reads a tensor that is no map"
    assert (error.node, error.reason) == ("Add_3", "it reads a tensor that is no map")
    assert error.text == "Add 'Add_3': it reads a tensor that is no map"
    assert str(FoldError("no")) == "fold: no" and FoldError("no").text == "no"
