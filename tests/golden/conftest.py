"""Fixtures of the golden tests: models beside the project, skipped with a reason where absent."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _existing(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not there ({path.parent.name}/)")
    return path


@pytest.fixture(scope="session")
def cnv_path() -> Path:
    return _existing(ROOT.parent / "shared" / "models" / "cnv_w1a1_bnnpynq.onnx")


@pytest.fixture(scope="session")
def cifar10_root() -> Path:
    return _existing(ROOT.parent / "shared" / "data" / "cifar10")


@pytest.fixture(scope="session", params=["bvgg16_tiny_pad0", "bvgg16_tiny_padm1", "cnv_quarter"])
def trained_path(request: pytest.FixtureRequest) -> Path:
    return _existing(ROOT / "tests" / "data" / f"{request.param}.onnx")
