"""Random networks as accelerators: read back from their files, and simulated."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.draw import commit_seed
from fuzz.hardware import HARDWARE_JUDGES, by_files
from fuzz.run import run


def test_the_files_of_some_random_networks_are_right(tmp_path: Path) -> None:
    """Another 20 for each commit."""
    found = run(commit_seed(), 20, 30, judges={"files": by_files}, corpus=tmp_path)
    print(found.summary())
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert not found.failures, found.summary() + "\n" + kept


@pytest.mark.fuzz
def test_random_networks_are_right_in_simulation(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Half a minute to a minute each: `pytest -m fuzz -k simulation --fuzz-seconds 3600`."""
    option = request.config.getoption
    given = option("--fuzz-seed")
    seed = commit_seed() if given is None else given
    with capsys.disabled():
        print(f"\nfuzz: first seed {seed}")
        found = run(
            seed,
            option("--fuzz-count"),
            option("--fuzz-seconds"),
            judges=HARDWARE_JUDGES,
            corpus=tmp_path,
            say=print,
        )
        print(found.summary())
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert not found.failures, found.summary() + "\n" + kept
