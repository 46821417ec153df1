"""Recipes, the learning-rate schedule, the split and the augmentation."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow.models import ModelSpec
from flow.training.batches import (
    Samples,
    split_train_validation,
    to_pixels,
    training_batches,
)
from flow.training.recipe import Recipe

COUNT = 90


def numbered_samples() -> Samples:
    """Return images whose red channel holds their number; the rest is random, seed 0."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (COUNT, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images[:, 0] = torch.arange(COUNT, dtype=torch.uint8)[:, None, None]
    return Samples(images, torch.arange(COUNT) % 10)


def recipe(**changes: object) -> Recipe:
    settings: dict[str, object] = {
        "model": ModelSpec(name="cnv"),
        "batch_images": 20,
        "validation_images": 30,
        "flip": False,
    }
    return Recipe.model_validate(settings | changes)


def numbers(samples: Samples) -> list[int]:
    return samples.images[:, 0, 0, 0].tolist()


def test_split_is_disjoint_complete_and_a_function_of_the_seed() -> None:
    train, held_out = split_train_validation(numbered_samples(), recipe(seed=3))
    assert len(held_out) == 30
    assert sorted(numbers(train) + numbers(held_out)) == list(range(COUNT))
    _, again = split_train_validation(numbered_samples(), recipe(seed=3, epochs=9))
    _, other = split_train_validation(numbered_samples(), recipe(seed=4))
    assert numbers(again) == numbers(held_out)
    assert set(numbers(other)) != set(numbers(held_out))


def test_fewer_training_images_leave_the_validation_images_unchanged() -> None:
    train, held_out = split_train_validation(numbered_samples(), recipe(train_images=25))
    _, full = split_train_validation(numbered_samples(), recipe())
    assert len(train) == 25
    assert numbers(held_out) == numbers(full)


def test_epoch_shows_each_image_at_most_once_with_its_label_in_a_new_order() -> None:
    data = numbered_samples()
    orders = []
    for epoch in (1, 2):
        batches = list(training_batches(data, recipe(), epoch))
        assert [len(labels) for _, labels in batches] == [20] * 4  # 90 images: the last 10 wait
        order = torch.cat([(p[:, 0, 0, 0] * 255).round().long() for p, _ in batches])
        assert len(set(order.tolist())) == 80
        assert torch.equal(torch.cat([labels for _, labels in batches]), order % 10)
        orders.append(order.tolist())
    assert orders[0] != orders[1]


def test_flip_mirrors_about_half_of_the_images_and_changes_nothing_else() -> None:
    data = numbered_samples()
    mirrored = 0
    for pixels, _ in training_batches(data, recipe(flip=True), 1):
        for image in pixels:
            original = to_pixels(data.images[int((image[0, 0, 0] * 255).round())][None])[0]
            is_mirrored = torch.equal(image, original.flip(2))
            assert is_mirrored or torch.equal(image, original)
            mirrored += is_mirrored
    assert 25 <= mirrored <= 55


def test_crop_shifts_by_up_to_its_reach_over_grey() -> None:
    data = numbered_samples()
    reach, seen = 2, set()
    for pixels, _ in training_batches(data, recipe(crop_pixels=reach), 1):
        for image in pixels:
            number = int((image[0, 4, 4] * 255).round())  # the centre never leaves the image
            original = to_pixels(data.images[number][None])[0]
            framed = torch.nn.functional.pad(original, (reach,) * 4, value=128 / 255)
            places = [
                (top, left)
                for top in range(2 * reach + 1)
                for left in range(2 * reach + 1)
                if torch.equal(image, framed[:, top : top + 8, left : left + 8])
            ]
            assert len(places) == 1
            seen.update(places)
    assert len(seen) > 15, "of 25 possible shifts"


@pytest.mark.parametrize("processes", [1, 2])
def test_batches_made_at_once_are_those_made_one_by_one(processes: int) -> None:
    data = numbered_samples()
    changes = recipe(flip=True, crop_pixels=2, cutout_pixels=3)
    for rank in range(processes):
        share = {"rank": rank, "processes": processes}
        one_by_one = list(training_batches(data, changes, 1, at_once=1, **share))
        at_once = list(training_batches(data, changes, 1, at_once=3, **share))
        assert len(one_by_one) == len(at_once) == 4
        for expected, found in zip(one_by_one, at_once, strict=True):
            assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))


def test_learning_rate_rises_to_its_peak_and_falls_to_nearly_nothing() -> None:
    schedule = recipe(peak_learning_rate=2e-3, warm_up_fraction=0.25)
    rates = [schedule.learning_rate(step, 400) for step in range(400)]
    assert rates[0] == pytest.approx(2e-3 / 25)
    assert max(rates) == rates[100] == pytest.approx(2e-3)
    assert rates[:101] == sorted(rates[:101])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert 0 < rates[-1] < 1e-6


def test_constant_then_decay_rises_stays_and_falls_in_the_last_epochs() -> None:
    settings = {"schedule": "constant-then-decay", "peak_learning_rate": 5e-3}
    schedule = recipe(epochs=10, warm_up_epochs=1.5, decay_epochs=3, **settings)
    rates = [schedule.learning_rate(step, 200) for step in range(200)]
    assert rates[0] == pytest.approx(5e-3 / 25)
    assert rates[:31] == sorted(rates[:31])
    assert rates[29] < 5e-3
    assert rates[30:141] == [5e-3] * 111
    assert rates[140:] == sorted(rates[140:], reverse=True)
    assert rates[141] < 5e-3
    assert 0 < rates[-1] < 1e-5


def test_more_epochs_change_no_rate_of_constant_then_decay_before_its_decay() -> None:
    short, long = (recipe(epochs=n, schedule="constant-then-decay", decay_epochs=2) for n in (5, 9))
    rates = [
        [each.learning_rate(step, 7 * each.epochs) for step in range(21)] for each in (short, long)
    ]
    assert rates[0] == rates[1]
    assert short.learning_rate(22, 35) < long.learning_rate(22, 63)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, r"epochs\n.*greater than or equal to 1"),
        ({"epoch": 3}, r"epoch\n.*Extra inputs"),
        ({"model": {"width": 0.3}}, r"width 0\.3 makes 19\.2 channels.*multiple of 0\.125"),
        ({"compute": "float16"}, r"'float32' or 'bfloat16'"),
    ],
)
def test_recipe_refuses_unknown_fields_and_values(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        recipe(**changes)


def test_every_field_is_described() -> None:
    for model in (Recipe, ModelSpec):
        assert [n for n, field in model.model_fields.items() if not field.description] == []
