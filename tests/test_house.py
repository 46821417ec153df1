"""The house stays tidy: short files, few loose ones. import-linter keeps the order of the rooms."""

from __future__ import annotations

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
