"""FINN's RTL nodes and ours, simulated with the same words: what comes out must be equal."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pytest

from flow.errors import CheckFailed
from flow.finn.xsi.compare import (
    WINDOWS,
    Window,
    check_equal,
    compare_window,
    finn_window,
    node,
    our_window,
    prepared,
    random_words,
    simulate,
)
from flow.finn.xsi.ours import our_node
from flow.hardware.kernels.fifo import Fifo
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.kernels.matrix_vector_memory import threshold_rows, weight_rows
from flow.hardware.kernels.width_converter import WidthConverter
from flow.hardware.stream import Element, Stream

FRAMES = 3

FINN_CANNOT_PACK = tuple(map(int, version("bitstring").split(".")[:2])) >= (4, 4)
"""FINN 1.6.1 asks for bitstring below 4.4: it writes thresholds with a call that 5 refuses."""
SMALL_WINDOWS = (
    Window("padded, one channel group", 5, 4, 4, 3, 4, pad=1),
    Window("strided, 3 bits", 6, 6, 4, 2, 2, stride=2, bits=3),
)
MORE_WINDOWS = (
    Window("5x5 kernel, pad 2", 7, 8, 6, 5, 3, pad=2),
    Window("3x3 stride 2 pad 1", 9, 9, 2, 3, 1, stride=2, pad=1, bits=2),
    Window("whole map", 4, 4, 8, 4, 8, bits=8),
)


@pytest.fixture
def finn():
    with prepared():
        yield


@pytest.mark.parametrize("window", SMALL_WINDOWS, ids=lambda window: window.name)
def test_windows_are_equal_and_ours_has_no_gap(window):
    check_window(window)


@pytest.mark.slow
@pytest.mark.parametrize("window", [*MORE_WINDOWS, *WINDOWS], ids=lambda window: window.name)
def test_more_windows_are_equal_and_ours_have_no_gap(window):
    check_window(window)


def check_window(window):
    found = compare_window(window, frames=FRAMES)
    assert found.words == FRAMES * window.out_beats
    assert found.our_cycles == window.ideal_cycles
    assert found.finn_cycles >= window.ideal_cycles


def test_padding_flags_mark_the_words_that_finn_fills_with_zeros(finn):
    window = SMALL_WINDOWS[0]
    ones = [(1 << window.simd) - 1] * window.in_beats  # no word of the map is 0
    theirs = finn_window(window, ones, 1).words
    ours = simulate(our_window(window), ones, window.out_beats, 1).words
    assert [word == 0 for word in theirs] == [word >> window.simd == 1 for word in ours]


@pytest.mark.parametrize(
    ("in_lanes", "out_lanes"),
    [
        (4, 12),
        pytest.param(12, 4, marks=pytest.mark.slow),
        pytest.param(6, 4, marks=pytest.mark.slow),
    ],
)
def test_width_converters_are_equal(finn, in_lanes, out_lanes):
    shape, bits = (1, 4, 24), 2
    elements = 96
    theirs = node(
        "StreamingDataWidthConverter_rtl",
        shape,
        shape,
        "INT2",
        shape=list(shape),
        inWidth=in_lanes * bits,
        outWidth=out_lanes * bits,
        dataType="INT2",
    )
    element = Element(bits, signed=True)
    streams = tuple(Stream.of_map((1, 4, 24), lanes, element) for lanes in (in_lanes, out_lanes))
    ours = our_node("our_converter", WidthConverter(in_lanes * bits, out_lanes * bits), streams)
    words = random_words(np.random.default_rng(1), FRAMES * elements // in_lanes, in_lanes * bits)
    runs = [simulate(op, words, elements // out_lanes, FRAMES) for op in (theirs, ours)]
    check_equal("width converter", runs[0].words, runs[1].words)
    ideal = elements // min(in_lanes, out_lanes)
    assert runs[1].cycles_per_frame == ideal


@pytest.mark.parametrize(
    "depth",
    [16, pytest.param(100, marks=pytest.mark.slow), pytest.param(600, marks=pytest.mark.slow)],
)
def test_fifos_are_equal(finn, depth):
    shape, lanes, beats = (1, 40, 8), 8, 40
    theirs = node(
        "StreamingFIFO_rtl",
        shape,
        shape,
        "INT3",
        depth=depth,
        folded_shape=[1, beats, lanes],
        normal_shape=list(shape),
        dataType="INT3",
        impl_style="rtl",
    )
    stream = Stream.of_map(shape, lanes, Element(3, signed=True))
    ours = our_node("our_fifo", Fifo(stream.width, depth), (stream, stream))
    words = random_words(np.random.default_rng(2), FRAMES * beats, 24)
    runs = [simulate(op, words, beats, FRAMES) for op in (theirs, ours)]
    check_equal("FIFO", runs[0].words, runs[1].words)
    assert runs[1].cycles_per_frame == beats


def matrix_vector(thresholds, weights, bits):
    """Return our unit on 6 vectors of `bits`-bit elements, with or without thresholds."""
    mw, mh = weights.shape
    kernel = MatrixVector(
        mw,
        mh,
        pe=2,
        simd=4,
        in_bits=bits,
        in_signed=bits > 1,
        steps=int(thresholds is not None),
        acc_bits=8,
    )
    contents = {"WeightFile": weight_rows(kernel, weights.T)}
    if thresholds is not None:
        contents["ThreshFile"] = threshold_rows(kernel, thresholds)
    source = Stream.of_map((1, 6, mw), 4, Element(bits, bits > 1))
    sink = Stream.of_map((1, 6, mh), 2, Element(kernel.out_bits, thresholds is None))
    return our_node("our_unit", kernel, (source, sink), contents)


@pytest.mark.skipif(FINN_CANNOT_PACK, reason="FINN's packing needs bitstring >= 4.3.1, < 4.4")
@pytest.mark.parametrize("bits", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_fused_thresholds_equal_accumulators_through_finns_thresholding(finn, bits):
    rng = np.random.default_rng(3)
    mw, mh, pe = 12, 8, 2
    weights = rng.choice([-1, 1], (mw, mh))
    thresholds = rng.integers(-6, 7, (mh, 1))
    in_words = random_words(rng, FRAMES * 6 * mw // 4, 4 * bits)
    sums = simulate(matrix_vector(None, weights, bits), in_words, 6 * mh // pe, FRAMES)
    fused = simulate(matrix_vector(thresholds, weights, bits), in_words, 6 * mh // pe, FRAMES)
    thresholding = node(
        "Thresholding_rtl",
        (1, 6, mh),
        (1, 6, mh),
        "INT8",
        {"thresholds": (thresholds, "INT8")},
        NumChannels=mh,
        PE=pe,
        numSteps=1,
        inputDataType="INT8",
        weightDataType="INT8",
        outputDataType="BINARY",
        ActVal=0,
        numInputVectors=[1, 6],
    )
    theirs = simulate(thresholding, sums.words, 6 * mh // pe, FRAMES)
    check_equal("thresholds", theirs.words, fused.words)
    assert 0 < sum(word.bit_count() for word in fused.words) < 2 * len(fused.words)


def test_a_difference_is_told_with_its_word():
    with pytest.raises(CheckFailed, match="here: word 1 is 0x5 from FINN's node, 0x4 here"):
        check_equal("here", [3, 5], [3, 4])
    with pytest.raises(CheckFailed, match="gave 1 words, ours 2"):
        check_equal("here", [3], [3, 4])
    with pytest.raises(CheckFailed, match="gave 0 words"):
        check_equal("here", [], [])
