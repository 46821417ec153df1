"""A user's own PyTorch files through `flow build` up to rtlsim, as docs/training.md says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("brevitas", reason="the network is exported by Brevitas (extra train)")

import torch
from typer.testing import CliRunner

from flow.cli import app
from flow.datasets import find_images
from flow.models import build_model

OWN_MODULE = """
from pathlib import Path

import brevitas.nn as qnn
import torch
from torch import nn

from flow.models.quantizers import BinaryActivation, BinaryWeight, InputQuantizer


def build_model():
    model = nn.Sequential(
        InputQuantizer(),
        qnn.QuantConv2d(3, 8, 3, padding=1, bias=False, weight_quant=BinaryWeight),
        nn.BatchNorm2d(8),
        qnn.QuantIdentity(act_quant=BinaryActivation, return_quant_tensor=False),
        nn.MaxPool2d(4),
        qnn.QuantConv2d(8, 8, 3, padding=1, bias=False, weight_quant=BinaryWeight),
        nn.BatchNorm2d(8),
        qnn.QuantIdentity(act_quant=BinaryActivation, return_quant_tensor=False),
        nn.MaxPool2d(8),
        nn.Flatten(),
        qnn.QuantLinear(8, 10, bias=False, weight_quant=BinaryWeight),
    )
    weights = Path(__file__).with_suffix(".pt")
    if weights.exists():
        model.load_state_dict(torch.load(weights, weights_only=True))
    return model
"""


def save_own_module(folder: Path) -> Path:
    """Write mine.py and mine.pt, weights whose BatchNorms have seen images."""
    source = folder / "mine.py"
    source.write_text(OWN_MODULE)
    scope: dict[str, object] = {"__file__": str(source)}
    exec(OWN_MODULE, scope)
    build = scope["build_model"]
    assert callable(build)
    save_seen(build(), folder / "mine.pt")
    return source


def save_state_dict(folder: Path) -> Path:
    """Write mine.pt of a narrow CNV, and mine.toml, its description."""
    (folder / "mine.toml").write_text('[model]\nname = "cnv"\nwidth = 0.125\n')
    return save_seen(build_model("cnv", width=0.125), folder / "mine.pt")


def save_seen(network: torch.nn.Module, path: Path) -> Path:
    pixels = torch.from_numpy(find_images(None, 60).images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        network.train()(pixels)
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("save", [save_own_module, save_state_dict])
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
