"""flow infer: pictures in, classes and probabilities out, equal to the golden model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from nets import tiny_net
from PIL import Image
from typer.testing import CliRunner, Result

from flow.cli import app
from flow.data.images import CIFAR10_CLASSES
from flow.frontend.golden import GoldenSession, lower_to_plain_onnx


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    onnx.save(tiny_net().build(), str(path))
    return path


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator) -> Path:
    """64 x 96: the middle 64 x 64 is cut out and halved."""
    path = tmp_path / "photo.png"
    Image.fromarray(rng.integers(0, 256, (64, 96, 3), np.uint8)).save(path)
    return path


def infer(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["infer", *map(str, arguments)])


def test_scores_are_golden_s_and_probabilities_their_softmax(model: Path, photo: Path) -> None:
    found = json.loads(infer(photo, "--model", model, "--top", 10, "--json").stdout)["images"][0]
    cut = np.asarray(Image.open(photo).crop((16, 0, 80, 64)).resize((32, 32), Image.Resampling.BOX))
    scores = GoldenSession(lower_to_plain_onnx(onnx.load(str(model)))).run(cut[None])[0]
    assert {t["class"]: t["score"] for t in found["top"]} == dict(
        zip(CIFAR10_CLASSES, scores.tolist(), strict=True)
    )
    powers = np.exp(scores / np.sqrt(8))
    shares = dict(zip(CIFAR10_CLASSES, powers / powers.sum(), strict=True))
    assert all(abs(t["probability"] - shares[t["class"]]) < 1e-5 for t in found["top"])
    assert found["class"] == CIFAR10_CLASSES[int(np.argmax(scores))]


def test_bars_are_drawn_in_the_terminal_and_as_png(
    model: Path, photo: Path, tmp_path: Path
) -> None:
    result = infer(photo, "--model", model, "--top", 2, "--plot", tmp_path / "pictures")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("%") == 2
    assert "█" in result.stdout
    picture = Image.open(tmp_path / "pictures" / "000_photo.png")
    assert picture.width > 500


def test_a_folder_of_pictures_is_taken_whole(model: Path, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("b.png", "a.jpg"):
        Image.open(photo).save(folder / name)
    images = json.loads(infer(folder, "--model", model, "--json").stdout)["images"]
    assert [image["image"] for image in images] == ["a.jpg", "b.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("phto.png",), "did you mean photo.png?"),
        (("photo.png", "--classes", "a,b"), "--classes: 2 names; this network has 10 classes"),
        (("photo.png", "--backend", "cpsim"), "did you mean cppsim?"),
        (("net.onnx",), "net.onnx"),
    ],
)
def test_wrong_input_is_one_clear_error(
    model: Path,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(photo.parent)
    result = infer(*options, "--model", "net.onnx")
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_the_compiled_model_has_to_be_built_first(model: Path, photo: Path, tmp_path: Path) -> None:
    result = infer(
        photo, "--model", model, "--board", "ZCU104", "--backend", "cppsim",
        "--build-dir", tmp_path / "build",
    )  # fmt: skip
    assert result.exit_code == 2
    assert "cppsim.so has not been built" in result.stderr
