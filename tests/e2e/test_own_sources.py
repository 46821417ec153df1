"""A user's own PyTorch files through `flow build` up to rtlsim, as docs/training.md says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("brevitas", reason="the network is exported by Brevitas (extra train)")

import torch
from own_module import save_own_module, see
from typer.testing import CliRunner

from flow.cli import app
from flow.data.datasets import find_images
from flow.models import build_model


def pixels() -> torch.Tensor:
    return torch.from_numpy(find_images(None, 60).images).permute(0, 3, 1, 2).float() / 255


def own_module(folder: Path) -> Path:
    """Write mine.py and mine.pt."""
    return save_own_module(folder / "mine.py", pixels(), pools=[4, 8], padding=1)


def state_dict(folder: Path) -> Path:
    """Write mine.pt of a narrow CNV, and mine.toml, its description."""
    (folder / "mine.toml").write_text('[model]\nname = "cnv"\nwidth = 0.125\n')
    return see(build_model("cnv", width=0.125), pixels(), folder / "mine.pt")


@pytest.mark.slow
@pytest.mark.parametrize("save", [own_module, state_dict])
def test_own_network_is_built_and_simulated_exactly(
    save: Callable[[Path], Path], tmp_path: Path
) -> None:
    torch.manual_seed(3)
    source = save(tmp_path)
    arguments = ["build", "--board", "PYNQ-Z2", "--model", str(source), "--to", "rtlsim"]
    arguments += ["--build-dir", str(tmp_path / "build"), "--set", "verify.images=3"]
    result = CliRunner().invoke(app, [*arguments, "--target-fps", "500"])
    assert result.exit_code == 0, result.output + result.stderr
    report = json.loads((tmp_path / "build" / "mine" / "pynq_z2" / "report.json").read_text())
    for level in ("python", "cppsim", "rtlsim"):
        assert report["verify"][level]["bit_exact"], level
    assert report["verify"]["rtlsim"]["images"] == 3
