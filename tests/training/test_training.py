"""Training end to end on a small set of photographs: it learns, resumes, stops and publishes."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")


from flow.data.cifar10 import load_cifar10
from flow.data.datasets import load_images
from flow.data.images import ImageShape
from flow.errors import CheckFailed, UserError
from flow.frontend.golden import load_onnx, lower_to_plain_onnx
from flow.models import ModelSpec
from flow.models.export import run_qonnx
from flow.training import loop
from flow.training import session as session_module
from flow.training.checkpoint import BEST, LAST, load_checkpoint
from flow.training.loop import EpochReport, train
from flow.training.outcome import read_outcome
from flow.training.publish import publish
from flow.training.recipe import Recipe
from flow.training.session import Session

TRAIN, VALIDATION, TEST = 160, 40, 40


@pytest.fixture(scope="module")
def data_dir(
    tmp_path_factory: pytest.TempPathFactory, write_photographs: Callable[[Path, int, int], Path]
) -> Path:
    return write_photographs(tmp_path_factory.mktemp("data"), TRAIN + VALIDATION, TEST)


def small_recipe(**changes: object) -> Recipe:
    settings: dict[str, object] = {
        "model": ModelSpec(name="cnv", width=0.125),
        "epochs": 3,
        "batch_images": 40,
        "validation_images": VALIDATION,
        "peak_learning_rate": 5e-3,
        "crop_pixels": 1,
        "seed": 7,
    }
    return Recipe.model_validate(settings | changes)


def read_log(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / loop.LOG).open() as file:
        return list(csv.DictReader(file))


class Interrupted(Exception):
    pass


def interrupt_after(epochs: int) -> Callable[[EpochReport], None]:
    def stop(report: EpochReport) -> None:
        if report.epoch == epochs:
            raise Interrupted

    return stop


def test_loss_falls_and_photographs_are_told_apart(data_dir: Path, tmp_path: Path) -> None:
    recipe = small_recipe(epochs=12)
    result = train(recipe, data_dir, tmp_path)
    log = read_log(tmp_path)
    assert [row["epoch"] for row in log] == [str(k) for k in range(1, 13)]
    assert float(log[-1]["train_loss"]) < 0.6 * float(log[0]["train_loss"])
    assert result.validation_accuracy > 0.6  # four classes: 0.25 is chance
    assert result.validation_accuracy == max(float(row["validation_accuracy"]) for row in log)


def test_zero_padded_bvgg16_learns_too(data_dir: Path, tmp_path: Path) -> None:
    recipe = small_recipe(model=ModelSpec(name="bvgg16", width=0.125), epochs=4)
    train(recipe, data_dir, tmp_path)
    losses = [float(row["train_loss"]) for row in read_log(tmp_path)]
    assert losses[-1] < 0.8 * losses[0]


def test_interrupted_training_resumes_to_identical_weights_and_log(
    data_dir: Path, tmp_path: Path
) -> None:
    recipe = small_recipe()
    train(recipe, data_dir, tmp_path / "straight")
    with pytest.raises(Interrupted):
        train(recipe, data_dir, tmp_path / "cut", on_epoch=interrupt_after(1))
    reports: list[EpochReport] = []
    train(recipe, data_dir, tmp_path / "cut", on_epoch=reports.append)
    assert [report.epoch for report in reports] == [2, 3], "it began again instead of going on"
    straight, resumed = (load_checkpoint(tmp_path / name / LAST) for name in ("straight", "cut"))
    assert straight.weights.keys() == resumed.weights.keys()
    for name, tensor in straight.weights.items():
        assert torch.equal(tensor, resumed.weights[name]), name
    logs = [
        [{k: v for k, v in row.items() if k != "epoch_s"} for row in read_log(tmp_path / name)]
        for name in ("straight", "cut")
    ]
    assert logs[0] == logs[1]


def test_epochs_between_validations_are_trained_logged_and_resumed_over(
    data_dir: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(epochs=5, validate_every=2)
    result = train(recipe, data_dir, tmp_path / "straight")
    log = read_log(tmp_path / "straight")
    assert [bool(row["validation_accuracy"]) for row in log] == [False, True, False, True, True]
    assert result.best_epoch in (2, 4, 5)
    accuracies = [float(text) for row in log if (text := row["validation_accuracy"])]
    assert result.validation_accuracy == max(accuracies)
    with pytest.raises(Interrupted):
        train(recipe, data_dir, tmp_path / "cut", on_epoch=interrupt_after(3))
    assert load_checkpoint(tmp_path / "cut" / LAST).epoch == 2
    reports: list[EpochReport] = []
    train(recipe, data_dir, tmp_path / "cut", on_epoch=reports.append)
    assert [report.epoch for report in reports] == [3, 4, 5]
    straight, resumed = (load_checkpoint(tmp_path / name / LAST) for name in ("straight", "cut"))
    for name, tensor in straight.weights.items():
        assert torch.equal(tensor, resumed.weights[name]), name
    assert len(read_log(tmp_path / "cut")) == 5


def test_other_seed_gives_other_weights(data_dir: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        train(small_recipe(epochs=1, seed=seed), data_dir, tmp_path / str(seed))
    weights = [
        load_checkpoint(tmp_path / str(seed) / LAST).weights["conv0.weight"] for seed in (1, 2)
    ]
    assert not torch.equal(*weights)


def test_log_lines_after_the_checkpoint_are_dropped_on_resume(
    data_dir: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(epochs=2)
    with pytest.raises(Interrupted):
        train(recipe, data_dir, tmp_path, on_epoch=interrupt_after(1))
    with (tmp_path / loop.LOG).open("a") as file:
        file.write("2,0,9.9,0,0,0\n")
    train(recipe, data_dir, tmp_path)
    log = read_log(tmp_path)
    assert [row["epoch"] for row in log] == ["1", "2"]
    assert log[1]["train_loss"] != "9.9"


def test_best_checkpoint_is_the_epoch_with_the_best_validation(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = iter([0.3, 0.8, 0.8, 0.5])
    monkeypatch.setattr(loop, "evaluate", lambda model, data: next(accuracies))
    kept = {}

    def keep(report: EpochReport) -> None:
        kept[report.epoch] = load_checkpoint(tmp_path / LAST).weights

    result = train(small_recipe(epochs=4), data_dir, tmp_path, on_epoch=keep)
    assert (result.best_epoch, result.validation_accuracy) == (2, 0.8)
    best = load_checkpoint(tmp_path / BEST)
    assert best.epoch == 2
    assert all(torch.equal(best.weights[name], kept[2][name]) for name in best.weights)


def test_training_never_opens_the_test_split(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def spy(root: Path, split: str, shape: ImageShape) -> object:
        opened.append(split)
        return load_images(root, split, shape)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "load_images", spy)
    train(small_recipe(epochs=1), data_dir, tmp_path)
    assert opened == ["train"]


def test_latent_weights_stay_inside_one_and_the_head_scale_positive(
    data_dir: Path, tmp_path: Path
) -> None:
    model = ModelSpec(name="bvgg16", width=0.125)
    recipe = small_recipe(model=model, epochs=2, latent_bound=1.0, peak_learning_rate=1.0)
    train(recipe, data_dir, tmp_path)
    weights = load_checkpoint(tmp_path / LAST).weights
    latent = torch.cat([w.flatten() for n, w in weights.items() if n.startswith(("conv", "fc"))])
    assert float(latent.abs().max()) == 1.0, "nothing reached the clamp: the test sees nothing"
    # Other scales went below zero at this rate; the head's may not.
    assert any(float(weights[f"bn{k}.weight"].min()) < 0 for k in range(12))
    assert float(weights["bn_head.weight"].min()) > 0


def test_parameter_that_is_no_number_stops_and_keeps_the_last_good_epoch(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, steps = Session._clamp, []

    def poison(session: Session) -> None:
        real(session)
        steps.append(1)
        if len(steps) > TRAIN // 40:
            session.model.bn1.weight.data[0] = float("nan")

    monkeypatch.setattr(Session, "_clamp", poison)
    with pytest.raises(
        CheckFailed, match=r"is no longer finite in epoch 2; last\.pt keeps the last good epoch"
    ):
        train(small_recipe(), data_dir, tmp_path)
    kept = load_checkpoint(tmp_path / LAST)
    assert kept.epoch == 1
    assert all(bool(torch.isfinite(tensor).all()) for tensor in kept.weights.values())


def test_loss_that_is_no_number_stops_with_the_epoch_named(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        session_module.F, "cross_entropy", lambda scores, labels: scores.sum() * float("nan")
    )
    with pytest.raises(CheckFailed, match=r"the loss became nan in epoch 1"):
        train(small_recipe(), data_dir, tmp_path)


def test_run_folder_of_another_recipe_is_refused_naming_the_difference(
    data_dir: Path, tmp_path: Path
) -> None:
    train(small_recipe(epochs=1), data_dir, tmp_path)
    with pytest.raises(UserError, match=r"another recipe \(different: peak_learning_rate, seed\)"):
        train(small_recipe(epochs=1, seed=8, peak_learning_rate=1e-3), data_dir, tmp_path)


def growing_recipe(**changes: object) -> Recipe:
    settings = {"schedule": "constant-then-decay", "decay_epochs": 2, "methods": {"ema": {}}}
    return small_recipe(**settings | changes)


@pytest.mark.parametrize("planned", [9, 5])
def test_epochs_of_constant_then_decay_may_be_changed_while_it_is_constant(
    data_dir: Path, tmp_path: Path, planned: int
) -> None:
    """Lowered or raised to 6: the network is that of a run that had six from the start."""
    train(growing_recipe(epochs=6), data_dir, tmp_path / "straight")
    with pytest.raises(Interrupted):
        train(
            growing_recipe(epochs=planned), data_dir, tmp_path / "cut", on_epoch=interrupt_after(3)
        )
    result = train(growing_recipe(epochs=6), data_dir, tmp_path / "cut")
    assert result.epochs == 6
    straight, resumed = (load_checkpoint(tmp_path / name / LAST) for name in ("straight", "cut"))
    assert resumed.recipe.epochs == 6
    for name, tensor in straight.weights.items():
        assert torch.equal(tensor, resumed.weights[name]), name


def test_finished_run_knows_its_last_number_of_epochs_where_an_older_one_is_best(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = iter([0.8, 0.5, 0.5])
    monkeypatch.setattr(loop, "evaluate", lambda model, data: next(accuracies))
    with pytest.raises(Interrupted):
        train(growing_recipe(epochs=9), data_dir, tmp_path, on_epoch=interrupt_after(1))
    result = train(growing_recipe(epochs=3), data_dir, tmp_path)
    assert (result.epochs, result.best_epoch) == (3, 1)
    assert train(growing_recipe(epochs=3), data_dir, tmp_path) == result
    note = read_outcome(tmp_path).note
    assert (note.recipe.epochs, note.complete) == (3, True)


@pytest.mark.parametrize(
    ("trained", "changes", "message"),
    [
        (3, {"epochs": 4}, r"epochs = 4 is too soon: .* has trained 3, .* falls for 2; .* 5 or"),
        (4, {"epochs": 9}, r"begun with epochs = 5 and its learning rate falls since epoch 3"),
        (3, {"epochs": 9, "seed": 8}, r"another recipe \(different: seed\)"),
        (3, {"epochs": 9, "decay_epochs": 3}, r"another recipe \(different: decay_epochs\)"),
        (3, {"epochs": 9, "schedule": "constant"}, r"another recipe \(different: epochs, sched"),
    ],
)
def test_other_changes_on_resume_are_refused(
    data_dir: Path, tmp_path: Path, trained: int, changes: dict[str, object], message: str
) -> None:
    begun = growing_recipe(epochs=5)
    with pytest.raises(Interrupted):
        train(begun, data_dir, tmp_path, on_epoch=interrupt_after(trained))
    with pytest.raises(UserError, match=message):
        train(growing_recipe(**{"epochs": 5} | changes), data_dir, tmp_path)
    assert load_checkpoint(tmp_path / LAST).recipe == begun, "a refusal changes nothing"


def test_epochs_stay_where_a_method_is_spread_over_them(data_dir: Path, tmp_path: Path) -> None:
    methods = {"methods": {"recu": {}}}
    with pytest.raises(Interrupted):
        train(growing_recipe(epochs=5, **methods), data_dir, tmp_path, on_epoch=interrupt_after(1))
    with pytest.raises(UserError, match=r"epochs = 5, which its method recu is spread over"):
        train(growing_recipe(epochs=9, **methods), data_dir, tmp_path)


def test_damaged_checkpoint_is_a_user_error(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(small_recipe(), data_dir, tmp_path, on_epoch=interrupt_after(1))
    path = tmp_path / LAST
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"last\.pt is not a checkpoint that can be read"):
        train(small_recipe(), data_dir, tmp_path)


def test_too_few_images_for_the_split_are_a_user_error(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"200 images less 190 for validation leave 10"):
        train(small_recipe(validation_images=190), data_dir, tmp_path)


def test_published_network_and_its_record_agree(data_dir: Path, tmp_path: Path) -> None:
    recipe = small_recipe(epochs=4)
    train(recipe, data_dir, tmp_path / "run")
    onnx = tmp_path / "out" / "net.onnx"
    published = publish(tmp_path / "run", data_dir, onnx)
    record = json.loads((tmp_path / "out" / "net.json").read_text())
    assert sorted(p.name for p in onnx.parent.iterdir()) == ["net.json", "net.onnx"]
    assert record["status"] == "complete"
    assert record["sha256"] == hashlib.sha256(onnx.read_bytes()).hexdigest()
    assert Recipe.model_validate(record["recipe"]) == recipe
    test = load_cifar10(data_dir, "test")
    pixels = test.images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    right = (run_qonnx(onnx, pixels).argmax(1) == test.labels).mean()
    assert record["accuracy"]["test"] == published.test_accuracy == pytest.approx(right)
    assert record["images"] == {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    assert lower_to_plain_onnx(load_onnx(onnx)).class_names == test.class_names


def test_steps_are_reported_against_the_whole_training(data_dir: Path, tmp_path: Path) -> None:
    recipe, seen = small_recipe(epochs=2), []
    train(recipe, data_dir, tmp_path, on_step=lambda done, steps: seen.append((done, steps)))
    assert seen == [(done, 8) for done in range(1, 9)]


def test_interim_network_has_no_test_accuracy(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(small_recipe(), data_dir, tmp_path / "run", on_epoch=interrupt_after(2))
    published = publish(tmp_path / "run", data_dir, tmp_path / "net.onnx")
    record = json.loads(published.record.read_text())
    assert published.test_accuracy is None
    assert (record["status"], record["epochs_trained"]) == ("interim", 2)
    assert record["accuracy"]["test"] is None
    assert record["images"]["test"] == 0


def test_exported_file_that_differs_is_refused_and_not_left_behind(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(small_recipe(epochs=1), data_dir, tmp_path / "run")

    def one_off(path: Path, pixels: np.ndarray) -> np.ndarray:
        scores = run_qonnx(path, pixels)
        scores[5, 3] += 2
        return scores

    monkeypatch.setattr("flow.training.publish.run_qonnx", one_off)
    with pytest.raises(CheckFailed, match=r"differ on 1 of 40 images, first on image 5"):
        publish(tmp_path / "run", data_dir, tmp_path / "out" / "net.onnx")
    assert list((tmp_path / "out").iterdir()) == []


def test_publishing_with_other_data_is_refused(
    data_dir: Path, tmp_path: Path, write_photographs: Callable[[Path, int, int], Path]
) -> None:
    train(small_recipe(epochs=4), data_dir, tmp_path / "run")
    other = write_photographs(tmp_path / "other", 40 + VALIDATION, 8)
    with np.load(other / "train.npz") as archive:
        arrays = dict(archive)
    np.savez(other / "train.npz", **{**arrays, "label": (arrays["label"] + 1) % 4})
    with pytest.raises(CheckFailed, match=r"is .*other the data this was trained on\?"):
        publish(tmp_path / "run", other, tmp_path / "net.onnx")


def test_unknown_device_is_a_user_error(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"device 'abacus' cannot be used here.*use 'cpu'"):
        train(small_recipe(), data_dir, tmp_path, device="abacus")


def test_bfloat16_steps_learn_as_well(data_dir: Path, tmp_path: Path) -> None:
    train(small_recipe(epochs=8, compute="bfloat16"), data_dir, tmp_path)
    losses = [float(row["train_loss"]) for row in read_log(tmp_path)]
    assert losses[-1] < 0.75 * losses[0]


@pytest.mark.slow
def test_default_recipe_teaches_a_narrow_bvgg16_in_ten_epochs(
    cifar10_root: Path, tmp_path: Path
) -> None:
    """Width 1/8, a fifth of CIFAR-10; two minutes of one core. It reached 0.246 when written."""
    spec = ModelSpec(name="bvgg16", width=0.125)
    result = train(Recipe(model=spec, epochs=10, train_images=9000), cifar10_root, tmp_path)
    assert result.validation_accuracy > 0.2  # chance is 0.1
