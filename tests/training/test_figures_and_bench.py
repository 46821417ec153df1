"""Figures, logs, the training bench, and the command line around them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow.cli import app
from flow.training.batches import Samples, training_batches
from flow.training.bench import measure_training
from flow.training.figures import confusion_counts
from flow.training.logs import EpochReport, TensorBoard, append_log, read_log
from flow.training.recipe import Recipe

RECIPE = """
epochs = 2
batch_images = 40
validation_images = 40
[model]
name = "tfc"
channels = [16, 16, 16]
image_side = 8
classes = 4
"""


@pytest.fixture(scope="module")
def folder_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An own data set: four classes, images of several sizes, one folder for each class."""
    from flow.data.datasets import find_images

    root = tmp_path_factory.mktemp("pictures")
    images = find_images(None, 200).images
    for index, image in enumerate(images):
        split = "train" if index < 160 else "test"
        folder = root / split / ("astronaut", "coffee", "chelsea", "rocket")[index % 4]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[: 32 - index % 5]).save(folder / f"{index:03d}.png")
    return root


def run_flow(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_own_images_are_trained_published_packed_and_drawn(
    folder_data: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(RECIPE)
    photo = tmp_path / "holiday.jpg"
    Image.fromarray(np.full((90, 120, 3), 77, np.uint8)).save(photo)
    out = tmp_path / "out"
    options = ["--publish", out / "net.onnx", "--packed", out / "net.bnn", "--test"]
    options += ["--figures", out / "figures", "--photo", photo, "--run-dir", tmp_path / "run"]
    text = run_flow("train", "--recipe", recipe, "--data", folder_data, *options)
    assert "160 training images of images in " in text, "the source of the data is named"
    record = json.loads((out / "net.json").read_text())
    assert record["accuracy"]["test"] is not None
    assert f"{record['accuracy']['test']:.2%} of the test images" in text
    assert (out / "net.bnn").stat().st_size < 20_000
    drawn = sorted(path.name for path in (out / "figures").iterdir())
    assert drawn == [
        "batch.png",
        "class_accuracy.png",
        "confusion.png",
        "curves.png",
        "probabilities.png",
        "probabilities_holiday.png",
    ]
    for name in drawn:
        with Image.open(out / "figures" / name) as figure:
            assert len(set(figure.convert("L").getdata())) > 10, f"{name} is empty"


def test_class_count_that_differs_is_one_clear_line(folder_data: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(RECIPE.replace("classes = 4", "classes = 10"))
    arguments = ["train", "--recipe", str(recipe), "--data", str(folder_data)]
    result = CliRunner().invoke(app, [*arguments, "--run-dir", str(tmp_path / "run")])
    assert result.exit_code == 2
    line = result.output.strip().splitlines()[-1]
    assert "has 4 classes (astronaut, chelsea, coffee, rocket), the network 10 scores" in line
    assert line.endswith("set model.classes = 4")


def test_bench_prints_the_rate_and_the_share_of_the_loader(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(RECIPE)
    output = CliRunner().invoke(
        app, ["bench", "training", "--recipe", str(recipe), "--steps", "3", "--json"]
    )
    # A network this small computes nothing, so the loader's share may be above the limit here.
    assert output.exit_code in (0, 3), output.output
    figures = json.loads(output.stdout[: output.stdout.index("}") + 1])
    assert figures["images_per_second"] > 0
    assert 0 < figures["loader_share"] < 1
    assert figures["processor_ms_per_image"] > 0
    assert 0 < figures["convolution_share"] < 1


def test_bench_takes_a_recipe_by_its_name_as_train_does() -> None:
    arguments = ["bench", "training", "--recipe", "default", "--steps", "1"]
    for change in ("model.name=tfc", "batch_images=20"):
        arguments += ["--set", change]
    output = CliRunner().invoke(app, arguments)
    assert output.exit_code in (0, 3), output.output  # 3: hardly any work for the loader's share
    assert "models/recipes/default.toml on cpu: " in output.stdout
    assert "ms of processor time an image" in output.stdout


def test_bench_times_a_compiled_network_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda model: compiled.append(model) or model)
    arguments = ["bench", "training", "--recipe", "default", "--steps", "1", "--compile"]
    for change in ("model.name=tfc", "batch_images=20"):
        arguments += ["--set", change]
    output = CliRunner().invoke(app, arguments)
    assert output.exit_code in (0, 3), output.output
    assert "on cpu compiled: " in output.stdout
    assert len(compiled) == 1


def test_loader_takes_less_than_a_twentieth_of_a_real_network(
    write_photographs: Callable[[Path, int, int], Path], tmp_path: Path
) -> None:
    from flow.data.datasets import load_images

    data = load_images(write_photographs(tmp_path, 60, 4), "train")
    recipe = Recipe.model_validate(
        {"model": {"name": "bvgg16", "width": 0.125}, "batch_images": 20, "crop_pixels": 4}
    )
    speed = measure_training(recipe, data, steps=2)
    assert speed.images == 40
    assert speed.loader_share < 0.05
    assert speed.convolution_share is not None
    assert 0.3 < speed.convolution_share < 0.95, "most of a step multiplies, but not all of it"


def test_confusion_counts_have_the_truth_in_rows() -> None:
    labels, guesses = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    assert confusion_counts(labels, guesses, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_log_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    report = EpochReport(1, 1e-3, 2.25, 0.25, 0.5, 3.5)
    append_log(tmp_path / "log.csv", report)
    assert read_log(tmp_path / "log.csv") == [report]


def test_tensorboard_that_is_not_installed_is_skipped_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flow.training.logs.find_spec", lambda name: None)
    board = TensorBoard(tmp_path)
    board.add(EpochReport(1, 1e-3, 2.0, 0.2, 0.5, 3.0))
    assert board.skipped == "tensorboard is not installed (pip install tensorboard)"
    assert list(tmp_path.iterdir()) == []


def test_cutout_greys_one_square_of_each_image() -> None:
    images = torch.full((40, 3, 16, 16), 255, dtype=torch.uint8)
    recipe = Recipe.model_validate(
        {"model": {"name": "tfc"}, "batch_images": 40, "cutout_pixels": 4, "flip": False}
    )
    ((pixels, _),) = training_batches(Samples(images, torch.zeros(40).long()), recipe, 1)
    grey = (pixels[:, 0] != 1).flatten(1).sum(1)
    assert int(grey.max()) == 16
    assert int(grey.min()) >= 4, "at a border the square is cut"


def test_constant_schedule_keeps_its_rate_and_patience_ends_a_training(
    folder_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flow.training import loop

    recipe = Recipe.model_validate(
        {
            "model": {"name": "tfc", "channels": [8, 8, 8], "image_side": 8, "classes": 4},
            "epochs": 9,
            "batch_images": 40,
            "validation_images": 40,
            "schedule": "constant",
            "patience_epochs": 2,
        }
    )
    monkeypatch.setattr(loop, "evaluate", lambda model, data: 0.5)
    result = loop.train(recipe, folder_data, tmp_path)
    assert (result.epochs, result.best_epoch) == (3, 1)
    assert {report.learning_rate for report in read_log(tmp_path / "log.csv")} == {2e-3}
    shutil.rmtree(tmp_path)
