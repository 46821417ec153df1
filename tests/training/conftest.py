"""A small labelled data set of real images for training tests: which photograph is a crop from?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jpeg_archive
import pytest


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny networks gain nothing from threads, and lose much on a busy machine."""
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed")
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def write_photographs() -> Callable[[Path, int, int], Path]:
    """Return the writer; tests choose folder and sizes."""
    return jpeg_archive.write_photographs
