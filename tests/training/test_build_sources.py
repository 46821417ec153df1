"""`flow build` takes PyTorch files: a checkpoint and an own module, up to the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow.cli import app
from flow.data.datasets import find_images
from flow.training.checkpoint import Checkpoint, save_checkpoint
from flow.training.recipe import Recipe
from flow.training.trained import build_twin, load_trained

MODULE = """
from pathlib import Path
from flow.training.trained import load_trained

def build_model():
    return load_trained(Path(__file__).with_suffix(".pt"))
"""


def write_checkpoint(path: Path, side: int = 32) -> Path:
    """Write a network whose BatchNorm has seen images, and nothing else."""
    torch.manual_seed(2)
    model_spec = {"name": "tfc", "channels": [16, 16, 16], "image_side": side}
    recipe = Recipe.model_validate({"model": model_spec})
    model, _ = build_twin(recipe)
    images = np.ascontiguousarray(
        find_images(None, 24, (side, side, 3)).images.transpose(0, 3, 1, 2)
    )
    with torch.no_grad():
        for _ in range(20):
            model(torch.from_numpy(images).float() / 255)
    save_checkpoint(path, Checkpoint(recipe, epoch=1, weights=model.state_dict()))
    return path


def build(model: Path, folder: Path) -> tuple[int, str]:
    arguments = ["build", "--model", str(model), "--board", "PYNQ-Z2", "--to", "network"]
    arguments += ["--set", "verify.images=2", "--build-dir", str(folder)]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize("suffix", [".pt", ".py"])
def test_pytorch_sources_are_built_up_to_an_exact_network(suffix: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "mine.pt")
    (tmp_path / "mine.py").write_text(MODULE)
    status, output = build(tmp_path / f"mine{suffix}", tmp_path / "build")
    assert status == 0, output
    assert "network" in output
    assert "equal to golden in" in output


def test_network_for_smaller_images_is_built_with_smaller_images(tmp_path: Path) -> None:
    status, output = build(write_checkpoint(tmp_path / "mine.pt", side=8), tmp_path / "build")
    assert status == 0, output
    assert "equal to golden in" in output


def test_own_state_dict_with_its_description_is_built_too(tmp_path: Path) -> None:
    """As somebody has it who trained one of the Brevitas networks with a loop of his own."""
    network = load_trained(write_checkpoint(tmp_path / "flow.pt"))
    torch.save(network.state_dict(), tmp_path / "mine.pt")
    (tmp_path / "mine.toml").write_text('[model]\nname = "tfc"\nchannels = [16, 16, 16]\n')
    status, output = build(tmp_path / "mine.pt", tmp_path / "build")
    assert status == 0, output
    assert "equal to golden in" in output


def test_other_files_are_refused_with_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "mine.tflite").write_bytes(b"x")
    status, output = build(tmp_path / "mine.tflite", tmp_path / "build")
    assert status == 2
    assert "mine.tflite is a .tflite file; give a QONNX file (.onnx), a checkpoint" in output
