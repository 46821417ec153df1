"""The weight image: what is written is read back, and every damage is told."""

from __future__ import annotations

import hashlib
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driver.errors import CheckFailed, DriverError, InputError
from driver.interface import LOAD_HEADER_WORDS
from driver.weight_image import (
    build_weight_image,
    parse_weight_image,
    payload_words,
    read_weight_image,
    split_weight_image,
)

SHAPES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 13)), min_size=1, max_size=5)


def memories_of(shapes: list[tuple[int, int]], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]


def small_image() -> bytes:
    return build_weight_image(memories_of([(4, 5), (2, 8)], 3))


@given(SHAPES, st.integers(0, 2**32 - 1))
def test_rows_come_back(shapes: list[tuple[int, int]], seed: int) -> None:
    memories = memories_of(shapes, seed)
    data = build_weight_image(memories)
    image = parse_weight_image(data, "image")
    assert image.words == payload_words(memories) == len(data) // 4 - LOAD_HEADER_WORDS - 1
    for found, wanted in zip(split_weight_image(data, shapes), memories, strict=True):
        assert np.array_equal(found, wanted)
    assert bytes(image.packet[: len(data)]) == data
    assert image.packet.size % 64 == 0
    assert not image.packet[len(data) :].any()


def test_words_lie_as_the_hardware_reads_them() -> None:
    data = build_weight_image([np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], np.uint8)])
    words = [int(word) for word in np.frombuffer(data, "<u4")]
    payload = bytes([1, 2, 3, 4, 5, 0, 0, 0, 6, 7, 8, 9, 10, 0, 0, 0])
    digest = hashlib.sha256(payload).hexdigest()
    assert data[:4] == b"BNNW"
    assert words[:3] == [0x574E4E42, 1, 4]
    assert words[3:11] == [int(digest[k : k + 8], 16) for k in range(0, 64, 8)]
    assert words[11:15] == [0x04030201, 5, 0x09080706, 10]
    assert words[15] == zlib.crc32(payload)


@pytest.mark.parametrize("bit", range(8))
def test_any_changed_byte_is_found(bit: int) -> None:
    data = bytearray(small_image())
    for position in range(len(data)):
        data[position] ^= 1 << bit
        with pytest.raises(DriverError, match=r"^w.bin: "):
            parse_weight_image(bytes(data), "w.bin")
        data[position] ^= 1 << bit


@pytest.mark.parametrize("size", [0, 3, 11, 12, 44, 60, -1, -4])
def test_a_cut_image_is_refused(size: int) -> None:
    with pytest.raises((CheckFailed, InputError), match=r"is no weight image|is damaged: .* bytes"):
        parse_weight_image(small_image()[:size], "w.bin")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.bin: cannot be read: No such file"):
        read_weight_image(tmp_path / "none.bin")


@pytest.mark.parametrize(
    "rows", [np.zeros(4, np.uint8), np.zeros((2, 2), np.int8), np.zeros((0, 4), np.uint8)]
)
def test_what_is_no_memory_is_refused(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="memory 1 is"):
        build_weight_image([np.zeros((1, 1), np.uint8), rows])
    with pytest.raises(ValueError, match="no memory to load"):
        build_weight_image([])


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"48 bytes of payload, 40 expected"):
        split_weight_image(small_image(), [(4, 5), (2, 4)])


def test_full_width_weights_are_built_and_checked_in_well_under_a_second() -> None:
    memories = memories_of([(18432, 64), (9216, 72), (57600, 1)], 1)
    started = time.process_time()
    parse_weight_image(build_weight_image(memories), "image")
    assert time.process_time() - started < 1.0
