"""A kernel of ours alone behind FINN's simulator interface."""

from __future__ import annotations

from flow.finn.xsi.ours import wrapper
from flow.hardware.kernels.fifo import Fifo
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.kernels.sliding_window import SlidingWindow
from flow.hardware.stream import Element, Stream


def test_the_wrapper_takes_the_flag_above_the_data():
    kernel = MatrixVector(9, 4, pe=2, simd=3, pad_flags=True)
    source = Stream.of_map((1, 8, 9), 3, Element(1), flagged=True)
    sink = Stream.of_map((1, 8, 4), 2, Element(1))
    text = wrapper("unit", kernel, (source, sink), {"MW": 9})
    assert ".in_pad_i(in0_V_TDATA[3:3])" in text
    assert ".in_data_i(in0_V_TDATA[2:0])" in text
    assert ".load_valid_i(1'b0)" in text
    assert ".load_valid_o()" in text
    assert "out0_V_TDATA = 8'(out_word)" in text


def test_the_wrapper_gives_the_flag_above_the_data():
    window = SlidingWindow(4, 5, 4, simd=2, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1)
    source = Stream.of_map((4, 5, 4), 2, Element(1))
    sink = Stream.of_map((4, 5, 36), 2, Element(1), flagged=True)
    text = wrapper("window", window, (source, sink), window.parameters())
    assert ".out_pad_o(out_word[2:2])" in text
    assert ".KernelH(3)" in text


def test_a_mark_that_nobody_reads_stays_open():
    stream = Stream.of_map((1, 1, 8), 8, Element(3, signed=True))
    assert ".high_water_o()" in wrapper("fifo", Fifo(24, 16), (stream, stream), {})
