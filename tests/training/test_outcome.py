"""finished.bnn: what a training came to, small enough to bring home from another machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow.errors import CheckFailed, UserError
from flow.models import ModelSpec
from flow.training.logs import LOG
from flow.training.loop import EpochReport, train
from flow.training.outcome import FINISHED, read_outcome, read_training_note
from flow.training.packed import save_packed
from flow.training.publish import measure_test, publish
from flow.training.recipe import Recipe

RECIPE = Recipe(
    model=ModelSpec(name="cnv", width=0.125),
    epochs=2,
    batch_images=40,
    validation_images=40,
    peak_learning_rate=5e-3,
)


@pytest.fixture(scope="module")
def data_dir(
    tmp_path_factory: pytest.TempPathFactory, write_photographs: Callable[[Path, int, int], Path]
) -> Path:
    return write_photographs(tmp_path_factory.mktemp("data"), 200, 40)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    run = tmp_path_factory.mktemp("trained") / "run"
    train(RECIPE, data_dir, run)
    return run


@pytest.fixture
def brought_home(trained: Path, tmp_path: Path) -> Path:
    """A run folder with the two small files only."""
    home = tmp_path / "home"
    home.mkdir()
    for name in (FINISHED, LOG):
        shutil.copy(trained / name, home / name)
    return home


def _with_note(run: Path, **changes: Any) -> None:
    outcome = read_outcome(run)
    note = outcome.note.model_copy(update=changes)
    save_packed(outcome.network, run / FINISHED, note=note.model_dump_json())


def test_finished_file_alone_publishes_what_the_checkpoints_publish(
    data_dir: Path, trained: Path, brought_home: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(trained, whole)
    (whole / FINISHED).unlink()
    first = publish(whole, data_dir, tmp_path / "a" / "net.onnx")
    second = publish(brought_home, data_dir, tmp_path / "b" / "net.onnx")
    assert first.onnx.read_bytes() == second.onnx.read_bytes()
    assert first.record.read_text() == second.record.read_text()
    record = json.loads(second.record.read_text())
    assert (record["status"], record["trained_on"]) == ("complete", "cpu")
    assert measure_test(brought_home, data_dir) == record["accuracy"]["test"]


def test_finished_training_is_not_trained_again(data_dir: Path, brought_home: Path) -> None:
    reports: list[EpochReport] = []
    result = train(RECIPE, data_dir, brought_home, on_epoch=reports.append)
    assert reports == []
    assert (result.epochs, result.best_epoch) == (2, read_outcome(brought_home).note.best_epoch)
    with pytest.raises(UserError, match=r"another recipe \(different: epochs\)"):
        train(RECIPE.model_copy(update={"epochs": 3}), data_dir, brought_home)


def test_interim_run_has_no_finished_file(data_dir: Path, tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def stop(report: EpochReport) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        train(RECIPE, data_dir, tmp_path, on_epoch=stop)
    assert not (tmp_path / FINISHED).exists()
    assert not read_outcome(tmp_path).note.complete


@pytest.mark.parametrize(
    ("device", "moved_by", "accepted"),
    [("cpu", 1e-4, False), ("cuda", 4e-3, True), ("cuda", 6e-3, False)],
)
def test_accuracy_may_move_a_little_where_another_device_measured_it(
    data_dir: Path, brought_home: Path, tmp_path: Path, device: str, moved_by: float, accepted: bool
) -> None:
    measured = read_outcome(brought_home).note.validation_accuracy
    _with_note(brought_home, device=device, validation_accuracy=measured + moved_by)
    target = tmp_path / "net.onnx"
    if not accepted:
        with pytest.raises(CheckFailed, match=r"Brevitas gets .* on the validation images"):
            publish(brought_home, data_dir, target)
        assert not target.exists()
        return
    record = json.loads(publish(brought_home, data_dir, target).record.read_text())
    assert record["trained_on"] == device
    assert record["accuracy"]["validation"] == measured
    assert record["validation_accuracy_in_training"] == measured + moved_by


def test_packed_network_without_a_note_is_no_outcome(brought_home: Path) -> None:
    save_packed(read_outcome(brought_home).network, brought_home / FINISHED)
    with pytest.raises(UserError, match=r"finished\.bnn says nothing about its training"):
        read_training_note(brought_home / FINISHED)
