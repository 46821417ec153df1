"""FINN's own cppsim is skipped by name and reason where its tools are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from driver.scores import ScoreMap
from flow.finn import cppsim as finn_cppsim
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.folding import Folding

VECTORS = GoldenVectors(
    np.zeros((1, 2, 2, 1), np.uint8),
    np.zeros(1, np.int64),
    np.zeros((1, 2), np.float32),
    [],
    "test",
    ScoreMap((1.0,) * 2, (0.0,) * 2),
)


@pytest.fixture(autouse=True)
def _no_hls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XILINX_HLS", raising=False)


def test_missing_hls_is_a_skip_with_its_reason_and_no_failure(tmp_path: Path) -> None:
    outcome = finn_cppsim.check(tmp_path / "never_read.onnx", Folding({}), VECTORS, "xczu7ev")
    assert outcome.ok
    assert outcome.line == ("FINN's cppsim skipped: Vitis HLS is not here (XILINX_HLS is not set)")


def test_installation_without_headers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XILINX_HLS", str(tmp_path))
    assert finn_cppsim.missing_tools() == f"XILINX_HLS={tmp_path} has no include/ap_int.h"


def test_missing_finn_hlslib_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = tmp_path / "include" / "ap_int.h"
    header.parent.mkdir()
    header.touch()
    monkeypatch.setenv("XILINX_HLS", str(tmp_path))
    reason = finn_cppsim.missing_tools()
    assert reason is not None
    assert reason.startswith("finn-hlslib is not in ")
