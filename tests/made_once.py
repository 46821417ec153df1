"""What several test files need and what takes long is made once, by the first that needs it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return this worker's own copy of the folder that `make` fills.

    The first worker of the run that asks for `name` makes it, the others wait. Where `make` fails,
    the next one tries again.
    """
    run = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent  # a worker's own folder lies in that of the run
    made = run / f"made_once_{name}"
    with (run / f"{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = run / f"{made.name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(made)
    own = factory.mktemp(name)
    return Path(shutil.copytree(made, own, symlinks=True, dirs_exist_ok=True))
