"""Packing is the arithmetic definition of a word, and unpacking undoes it."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driver import packing
from driver.packing import bipolar_to_bits, bits_to_bipolar, pack_words, unpack_words


@given(data=st.data(), lanes=st.integers(1, 20), bits=st.integers(1, 64), beats=st.integers(0, 5))
def test_word_is_the_sum_of_shifted_elements(
    data: st.DataObject, lanes: int, bits: int, beats: int
) -> None:
    signed = data.draw(st.booleans())
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    element = st.integers(low, high)
    rows = data.draw(st.lists(st.lists(element, min_size=lanes, max_size=lanes), max_size=beats))
    values = np.array(rows, np.int64 if signed else np.uint64).reshape(len(rows), lanes)
    words = pack_words(values, bits)
    assert words.dtype == np.uint8 and words.shape == (len(rows), -(-lanes * bits // 8))
    for row, word in zip(rows, words, strict=True):
        number = sum((v % (1 << bits)) << (i * bits) for i, v in enumerate(row))
        assert int.from_bytes(word.tobytes(), "little") == number
    if signed or bits < 64:
        np.testing.assert_array_equal(unpack_words(words, lanes, bits, signed), values)


def test_element_zero_is_the_least_significant() -> None:
    assert pack_words(np.array([[1, 0, 0, 0, 0, 0, 0, 0, 0, 1]]), 1).tolist() == [[0x01, 0x02]]
    assert pack_words(np.array([[0x1, 0x2, 0x3]]), 4).tolist() == [[0x21, 0x03]]
    assert pack_words(np.array([[-1, -2]]), 12).tolist() == [[0xFF, 0xEF, 0xFF]]


def test_bytes_beyond_the_elements_are_ignored() -> None:
    words = np.array([[0x21, 0x03, 0xAA]], np.uint8)
    assert unpack_words(words, 3, 4, signed=False).tolist() == [[1, 2, 3]]


def test_strided_words_unpack() -> None:
    words = np.arange(32, dtype=np.uint8).reshape(4, 8)[::2, ::2]
    assert unpack_words(words, 4, 8, signed=False).tolist() == words.tolist()
    transposed = np.arange(12).reshape(3, 4).T
    np.testing.assert_array_equal(pack_words(transposed, 8), transposed)


@pytest.mark.parametrize(
    ("values", "bits", "message"),
    [
        ([[2]], 1, "values from 2 to 2 do not fit 1 bits"),
        ([[-9, 15]], 4, "values from -9 to 15"),
        ([[256]], 8, r"\(-128 to 255\)"),
        ([1, 2], 8, r"shape \(2,\)"),
        ([[0.5]], 8, "convert them to integers"),
        ([[1]], 65, "1 to 64 bits"),
        ([[]], 1, "at least 1 lane"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: list[object], bits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack_words(np.array(values) if values != [[]] else np.zeros((1, 0), int), bits)


def test_too_few_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"need uint8 \(beats, 2 or more\)"):
        unpack_words(np.zeros((3, 1), np.uint8), 3, 4, signed=False)
    with pytest.raises(ValueError, match="64 bits"):
        unpack_words(np.zeros((1, 8), np.uint8), 1, 64, signed=False)


@given(st.lists(st.sampled_from([-1, 1]), min_size=1))
def test_bipolar_bits_round_trip(values: list[int]) -> None:
    bits = bipolar_to_bits(np.array(values))
    assert bits.tolist() == [int(v == 1) for v in values]
    assert bits_to_bipolar(bits).tolist() == values


def test_zero_is_no_bipolar_value_and_two_no_bit() -> None:
    with pytest.raises(ValueError, match="other than -1 and"):
        bipolar_to_bits(np.array([1, 0]))
    with pytest.raises(ValueError, match="other than 0 and 1"):
        bits_to_bipolar(np.array([1, 2]))


def test_source_is_python_3_8_and_needs_only_numpy() -> None:
    tree = ast.parse(Path(packing.__file__).read_text(), feature_version=(3, 8))
    names = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert names <= {"__future__", "typing", "numpy", "numpy.typing"}
