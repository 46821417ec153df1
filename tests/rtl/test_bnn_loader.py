"""bnn_loader and bnn_crc32: right images reach the memories of the chain, wrong ones do not."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, some_slow

from driver.interface import LOAD_HEADER_WORDS
from driver.weight_image import build_weight_image

WORD, RESET, SHOW, SHOW_LATER = (kind << 32 for kind in range(4))

# Width and depth of the three memories of the chain: around a word, one row, one bit.
GEOMETRIES = [
    ((8, 4), (40, 3), (64, 2)),
    ((32, 1), (1, 5), (33, 2)),
    ((100, 7), (31, 1), (65, 3)),
]

MUTANTS = [
    Mutant("bnn_crc32.sv", "32'hEDB8_8320", "32'hEDB8_8321"),
    Mutant("bnn_loader.sv", "SettleCycles = ChainLength + 16", "SettleCycles = ChainLength + 5"),
    Mutant("bnn_loader.sv", "load_data_i == Magic", "load_data_i[30:0] == Magic[30:0]"),
    Mutant("bnn_loader.sv", "load_data_i == LoadWords", "load_data_i <= LoadWords"),
    Mutant("bnn_loader.sv", "equal_q ? Loaded : Failed", "Loaded"),
    Mutant("bnn_crc32.sv", "else if (valid_q)", "else if (valid_i)"),
]


def memories_of(geometry: tuple[tuple[int, int], ...], rng: np.random.Generator) -> list:
    """Draw the rows of all memories; unused top bits are 0."""
    memories = []
    for width, depth in geometry:
        bits = rng.integers(0, 2, (depth, width), dtype=np.uint8)
        memories.append(np.packbits(bits, axis=1, bitorder="little"))
    return memories


def words_of(image: bytes) -> list[int]:
    return [int(word) for word in np.frombuffer(image, "<u4")]


def make_case(
    geometry: tuple[tuple[int, int], ...], rng: np.random.Generator, *, wrong: bool = True
) -> Case:
    """Loads, right and wrong ones in turn; the first run is without idle cycles."""
    ins: list[int] = []
    outs: list[int] = []

    def load(image: list[int], outcome: int, show: int = SHOW, tail: int = 0) -> None:
        ins.extend([RESET, *(WORD | word for word in image)])
        ins.extend(WORD | int(word) for word in rng.integers(0, 2**32, tail))
        ins.append(show)
        outs.append(outcome)
        if outcome == 1:
            outs.extend(image[LOAD_HEADER_WORDS - 8 : -1])

    def right(**options: int) -> None:
        load(words_of(build_weight_image(memories_of(geometry, rng))), 1, **options)

    def failed(error: int, position: int, change: int) -> None:
        image = words_of(build_weight_image(memories_of(geometry, rng)))
        image[position] = (image[position] + change) % (1 << 32)
        load(image, error << 1)

    right(tail=3)
    right()
    right(tail=20, show=SHOW_LATER)  # what comes after an image is swallowed
    if wrong:
        failed(1, 0, 1 << 31)
        failed(1, 0, 1)
        failed(2, 1, 1)
        failed(2, 1, -1)
        failed(3, 2, 1)
        failed(3, 2, -1)
        failed(3, 2, 1 << 30)
        failed(4, -1, 1 << 31)
        failed(4, LOAD_HEADER_WORDS, 1)
        right()
        image = words_of(build_weight_image(memories_of(geometry, rng)))
        load(image[:-1], 0, show=SHOW_LATER)  # its end is missing: neither loaded nor an error
        load(image[: LOAD_HEADER_WORDS + 1], 0, show=SHOW_LATER)
        right()
    (width_a, depth_a), (width_b, depth_b), (width_c, depth_c) = geometry
    parameters = {"WidthA": width_a, "WidthB": width_b, "WidthC": width_c}
    parameters.update({"DepthA": depth_a, "DepthB": depth_b, "DepthC": depth_c})
    return Case(
        parameters,
        2 * ins,
        2 * outs,
        frames=2,
        fast_frames=1,
    )


def test_words_reach_their_memory_and_wrong_images_are_refused(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    check("loader", [make_case(geometry, rng) for geometry in GEOMETRIES], tmp_path)


def test_crc_is_zlibs() -> None:
    image = build_weight_image([np.arange(256, dtype=np.uint8).reshape(16, 16)])
    assert words_of(image)[-1] == zlib.crc32(bytes(range(256)))


@pytest.mark.parametrize("mutant", some_slow(MUTANTS, 2), ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("loader", [make_case(GEOMETRIES[0], rng)], tmp_path, mutant)
