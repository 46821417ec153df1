"""How tensors become words, and the names and depths of what carries them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow.check.fifo_depths import round_depth
from flow.hardware.design import snake_case
from flow.hardware.stream import Element, Stream

ELEMENTS = {
    "flagged bits": Element(1),
    "bits": Element(1),
    "unsigned": Element(8),
    "signed": Element(5, signed=True),
}


def test_a_flagged_stream_marks_words_of_padding_only() -> None:
    stream = Stream(lanes=2, elem_bits=1, signed=False, beats=3, flagged=True)
    words = stream.words(np.array([1, -1, 0, 0, -1, -1]))
    assert words.tolist() == [[0b01, 0], [0b00, 1], [0b00, 0]]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_words_hold_the_same_lanes_of_the_pixels_of_a_row(data: st.DataObject) -> None:
    """Every element, bit and flag is where the definition of the order says."""
    pixels, groups = data.draw(st.sampled_from([1, 2, 3, 4, 9])), data.draw(st.integers(1, 3))
    lanes, chunks = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    name = data.draw(st.sampled_from(sorted(ELEMENTS)))
    element, flagged = ELEMENTS[name], name == "flagged bits"
    height, frames = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    shape = (height, groups * pixels, chunks * lanes)
    stream = Stream.of_map(shape, lanes, element, pixels=pixels, flagged=flagged)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    low = -(1 << (element.bits - 1)) if element.signed else 0
    tensor = rng.integers(low, low + (1 << element.bits), (frames, *shape))
    if element.bits == 1:
        tensor = 2 * tensor - 1
    if flagged:  # whole chunks of a pixel are padding, or none of it
        padded = rng.random((frames, *shape[:2], chunks)) < 0.4
        tensor[np.repeat(padded, lanes, axis=3)] = 0
    words = stream.words(tensor)
    assert words.shape == (frames * stream.beats, stream.word_bytes + stream.flag_bytes)
    bits = stream.elem_bits
    for row, (frame, y, group, chunk) in enumerate(np.ndindex(frames, height, groups, chunks)):
        word = int.from_bytes(words[row, : stream.word_bytes].tobytes(), "little")
        flags = int.from_bytes(words[row, stream.word_bytes :].tobytes(), "little")
        for m, lane in np.ndindex(pixels, lanes):
            value = int(tensor[frame, y, group * pixels + m, chunk * lanes + lane])
            code = int(value > 0) if bits == 1 else value & ((1 << bits) - 1)
            assert word >> ((m * lanes + lane) * bits) & ((1 << bits) - 1) == code
            assert flags >> m & 1 == (flagged and value == 0)


def test_pixels_that_do_not_divide_a_row_are_refused() -> None:
    with pytest.raises(ValueError, match=r"3 pixels of 4 lanes do not divide \(8, 32, 16\)"):
        Stream.of_map((8, 32, 16), 4, Element(1), pixels=3)


def test_a_stream_refuses_a_broken_frame() -> None:
    stream = Stream(lanes=2, elem_bits=8, signed=True, beats=3)
    with pytest.raises(ValueError, match="no whole number of frames of 3 x 2"):
        stream.words(np.zeros(8))


@pytest.mark.parametrize(("mark", "depth"), [(0, 2), (1, 2), (2, 2), (3, 4), (32, 32), (33, 64)])
def test_depths_are_rounded_up_to_powers_of_two(mark: int, depth: int) -> None:
    assert round_depth(mark) == depth


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("MVAU_0", "mvau_0"),
        ("SlidingWindow_12", "sliding_window_12"),
        ("Fifo_MVAU_1", "fifo_mvau_1"),
    ],
)
def test_node_names_become_signal_names(name: str, snake: str) -> None:
    assert snake_case(name) == snake
