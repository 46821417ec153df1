"""Values, integers and pixels become what the DMA carries, or are refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from nets import picture_rule

from driver.errors import InputError
from driver.inputs import InputRule, rule_from_record

STEPS = np.array([[-0.5, 0.0, 0.5], [0.25, 1.0, np.inf]], np.float32)


def value_rule(**changes: object) -> InputRule:
    """Two channels, the second one falling, codes -2 to 1."""
    rule = InputRule("codes", (1, 3, 2), (2, 3), False, -2, 1, False, steps=STEPS)
    return rule._replace(falling=np.array([False, True]), **changes)


def test_a_code_counts_the_steps_that_a_value_has_reached() -> None:
    values = np.array([[[-0.5, 0.4999, 7.0], [-0.25, -0.2499, -1e30]]], np.float64)
    found = value_rule().integers(values, "x")
    assert found.dtype == np.int8
    assert found[0, 0].tolist() == [[-1, -1], [0, -2], [1, 0]]


def test_float64_is_rounded_to_float32_first() -> None:
    below = np.full((1, 2, 3), 0.5 - 1e-12)
    assert (value_rule().integers(below, "x")[..., 0] == 1).all()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(odd: float) -> None:
    values = np.zeros((1, 2, 3))
    values[0, 1, 2] = odd
    with pytest.raises(InputError, match="x: holds NaN or infinity"):
        value_rule().integers(values, "x")


def test_the_files_own_order_of_axes_is_kept() -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2)
    first = InputRule("codes", (3, 2, 2), (2, 3, 2), False, 0, 0, False)
    np.testing.assert_array_equal(first.frames(values), values.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(first.as_in_file(first.frames(values)), values)
    last = InputRule("codes", (2, 3, 2), (2, 3, 2), True, 0, 0, False)
    np.testing.assert_array_equal(last.frames(values), values)
    np.testing.assert_array_equal(last.as_in_file(values), values)
    flat = InputRule("codes", (1, 1, 6), (6,), False, 0, 0, False)
    rows = np.arange(12).reshape(2, 6)
    np.testing.assert_array_equal(flat.frames(rows)[:, 0, 0], rows)


def test_pixels_are_taken_as_bytes_as_fractions_and_in_the_files_order() -> None:
    rule = picture_rule((2, 3, 3))
    pixels = np.random.default_rng(1).integers(0, 256, (4, 2, 3, 3), np.uint8)
    in_file = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    for given in (pixels, in_file, in_file.astype(np.float32) / np.float32(255), in_file / 255):
        np.testing.assert_array_equal(rule.integers(given, "x"), pixels)
    with pytest.raises(
        InputError, match=r'x: 2.5, in input 0, is no pixel / 255.*input = "values"'
    ):
        rule.integers(np.full((1, 3, 2, 3), 2.5), "x")
    with pytest.raises(InputError, match="x: has values from 256 to 256; 0 to 255 are taken"):
        rule.integers(np.full((1, 3, 2, 3), 256), "x")


def test_pixels_are_normalised_in_float32() -> None:
    steps = np.linspace(-2, 2, 255, dtype=np.float32)[None]
    rule = picture_rule((1, 1, 3))._replace(
        kind="codes", low=-128, high=127, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )
    rule = rule._replace(steps=steps, falling=np.zeros(1, bool))
    pixels = np.arange(256, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    real = rule.real_pixels(pixels)
    for channel in range(3):
        one = np.float32(200) / np.float32(255) - np.float32(rule.mean[channel])
        assert real[200, 0, 0, channel] == one / np.float32(rule.std[channel])
    wanted = np.searchsorted(steps[0], real, side="right") - 128
    np.testing.assert_array_equal(rule.integers(pixels, "x"), wanted)


def test_integers_of_the_files_own_pass_and_others_do_not() -> None:
    rule = InputRule("integers", (1, 1, 4), (4,), False, -8, 7, False, divisor=1)
    np.testing.assert_array_equal(
        rule.integers(np.array([[-8, 7, 0, 1.0]]), "x")[0, 0, 0], [-8, 7, 0, 1]
    )
    with pytest.raises(InputError, match="x: has values from -9 to 0; -8 to 7 are taken"):
        rule.integers(np.array([[-9, 0, 0, 0]]), "x")
    with pytest.raises(InputError, match=r"x: 0.5, in input 0, is no integer"):
        rule.integers(np.array([[0, 0.5, 0, 0]]), "x")


@pytest.mark.parametrize("rule", [picture_rule((4, 5, 3)), value_rule()])
def test_a_rule_is_read_back_as_it_was_written(rule: InputRule) -> None:
    record = json.loads(json.dumps(rule.record()))
    arrays = {"steps": rule.steps, "falling": rule.falling} if rule.has_steps else None
    found = rule_from_record(record, arrays)
    assert found._replace(steps=None, falling=None) == rule._replace(steps=None, falling=None)
    if rule.has_steps:
        np.testing.assert_array_equal(found.steps, rule.steps)
    with pytest.raises(ValueError, match="input of kind"):
        rule_from_record(record, None if rule.has_steps else {"steps": STEPS})
