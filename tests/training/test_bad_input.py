"""Bad input at the command line: one clear line, the right exit status, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow.cli import app
from flow.data.download import ARCHIVE
from flow.models import build_model
from flow.training import session
from flow.training.checkpoint import LAST, Checkpoint, load_checkpoint, save_checkpoint
from flow.training.recipe import Recipe
from flow.training.trained import build_twin

RECIPE = """
epochs = 2
batch_images = 20
validation_images = 20
[model]
name = "tfc"
channels = [16, 16, 16]
image_side = 8
"""


@pytest.fixture(scope="module")
def data_dir(
    tmp_path_factory: pytest.TempPathFactory, write_photographs: Callable[[Path, int, int], Path]
) -> Path:
    return write_photographs(tmp_path_factory.mktemp("data"), 60, 10)


def fails(folder: Path, *arguments: object, recipe: str = RECIPE) -> tuple[int, str]:
    """Return exit status and the error of `flow train`, which has to be a single line."""
    path = folder / "mine.toml"
    path.write_text(recipe)
    options = ["--recipe", path, "--run-dir", folder / "run", "--quiet", *arguments]
    result = CliRunner().invoke(app, ["train", *map(str, options)])
    assert result.exit_code != 0, result.output
    lines = result.stderr.strip().splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines, result.output
    assert len(lines) == 1
    return result.exit_code, lines[0]


def test_truncated_batch_is_one_line(tmp_path: Path) -> None:
    for number in range(1, 6):
        size = 3073 * 10_000 - (number == 3)
        with (tmp_path / f"data_batch_{number}.bin").open("wb") as file:
            file.truncate(size)
    status, line = fails(tmp_path, "--data", tmp_path)
    assert status == 2
    assert "data_batch_3.bin" in line
    assert "30,729,999" in line or "30729999" in line


def test_archive_with_a_wrong_checksum_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(b"not what the authors packed")
    status, line = fails(tmp_path, "--data", tmp_path, "--download")
    assert status == 2
    assert "the official archive c32a1d4" in line


def test_loss_that_is_no_number_is_one_line_and_the_last_good_epoch_stays(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = session.F.cross_entropy, []

    def poisoned(scores: Any, labels: Any) -> Any:
        calls.append(1)
        return real(scores, labels) * (float("nan") if len(calls) > 2 else 1.0)

    monkeypatch.setattr(session.F, "cross_entropy", poisoned)
    status, line = fails(tmp_path, "--data", data_dir)
    assert status == 3
    assert "the loss became nan in epoch 2; last.pt keeps the last good epoch" in line
    assert load_checkpoint(tmp_path / "run" / LAST).epoch == 1


def test_checkpoint_of_another_architecture_is_one_line(data_dir: Path, tmp_path: Path) -> None:
    """A run folder whose weights are not those of its recipe: files were mixed up."""
    (tmp_path / "mine.toml").write_text(RECIPE)
    from flow.commands.train import read_recipe

    recipe = read_recipe(tmp_path / "mine.toml", [])
    weights = build_model("tfc", channels=(16, 24, 16), image_side=8).state_dict()
    (tmp_path / "run").mkdir()
    save_checkpoint(tmp_path / "run" / LAST, Checkpoint(recipe, epoch=1, weights=weights))
    status, line = fails(tmp_path, "--data", data_dir)
    assert status == 2
    assert "the checkpoint holds another architecture (fc1.weight is [24, 16], not [16, 16]" in line


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        (
            {"classes": 4},
            "gives 4 scores for images of 8 x 8, the network 10 scores for images of 8 x 8;",
        ),
        (
            {"image_side": 16},
            "gives 10 scores for images of 16 x 16, the network 10 scores for images of 8 x 8;",
        ),
    ],
)
def test_teacher_of_other_images_or_classes_is_one_line(
    changes: dict[str, Any], wanted: str, data_dir: Path, tmp_path: Path
) -> None:
    model = {"name": "tfc", "channels": [8, 8, 8], "image_side": 8} | changes
    teacher = Recipe.model_validate({"model": model})
    path = tmp_path / "teacher.pt"
    save_checkpoint(path, Checkpoint(teacher, epoch=1, weights=build_twin(teacher)[0].state_dict()))
    text = f'{RECIPE}\n[methods.distillation]\nteacher = "{path}"\n'
    status, line = fails(tmp_path, "--data", data_dir, recipe=text)
    assert status == 2
    assert wanted in line


def test_missing_teacher_names_the_method_and_not_the_run_folder(
    data_dir: Path, tmp_path: Path
) -> None:
    text = f'{RECIPE}\n[methods.distillation]\nteacher = "nowhere/best.pt"\n'
    status, line = fails(tmp_path, "--data", data_dir, recipe=text)
    assert status == 2
    assert "methods.distillation.teacher: there is no nowhere/best.pt; train it first" in line


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--publish", "net.bnn"], "--publish: net.bnn; a QONNX file ends in .onnx"),
        (["--packed", "net.onnx"], "--packed: net.onnx; a packed network ends in .bnn"),
        (["--prune-to-fit", "PYNQ-Z3"], "PYNQ-Z3"),
        (["--fine-tune-epochs", "2"], "--fine-tune-epochs: nothing is pruned; add --prune-to-fit"),
        (["--photo", "cat.png"], "--photo: its probabilities are a figure; add --figures FOLDER"),
        (["--figures", "f", "--photo", "cat.png"], "cat.png"),
        (["--publish", "a.onnx", "--set", "model.activations=relu"], "real activations"),
        (["--prune-to-fit", "PYNQ-Z2", "--set", "model.last_weight_bits=8"], "--prune-to-fit"),
    ],
)
def test_what_cannot_be_done_at_the_end_is_said_before_the_training(
    options: list[str],
    wanted: str,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, line = fails(tmp_path, "--data", data_dir, *options)
    assert status == 2
    assert wanted in line
    assert not (tmp_path / "run").exists(), "it trained first"


def test_build_of_a_state_dict_of_another_architecture_is_one_line(tmp_path: Path) -> None:
    torch.save(build_model("cnv", width=0.125).state_dict(), tmp_path / "mine.pt")
    (tmp_path / "mine.toml").write_text('[model]\nname = "cnv"\nwidth = 0.25\n')
    arguments = ["build", "--model", str(tmp_path / "mine.pt"), "--board", "PYNQ-Z2"]
    result = CliRunner().invoke(app, [*arguments, "--build-dir", str(tmp_path / "build")])
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if "another architecture" in line]
    assert lines, result.stderr
    assert (
        "mine.pt holds another architecture (conv0.weight is [8, 3, 3, 3], not [16, 3" in lines[-1]
    )
    assert "Traceback" not in result.output + result.stderr
