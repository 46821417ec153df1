"""A node of ours alone, executed by FINN with `exec_mode = "rtlsim"`."""

from __future__ import annotations

import numpy as np
import pytest

from flow.hw.single_node import stream_integers, stream_tensor, wrapper
from flow.hw.stream import Stream
from flow.sim.finn_xsi.compare import node, prepared


@pytest.fixture(autouse=True)
def finn():
    with prepared():
        yield


def window():
    return node(
        "BnnSlidingWindow_rtl",
        (1, 4, 5, 4),
        (1, 4, 5, 36),
        "BIPOLAR",
        inputDataType="BIPOLAR",
        outputDataType="TERNARY",
        IFMDim=[4, 5],
        OFMDim=[4, 5],
        IFMChannels=4,
        SIMD=2,
        ConvKernelDim=[3, 3],
        Stride=[1, 1],
        Padding=[1, 1, 1, 1],
    )


def max_pool():
    return node(
        "BnnMaxPool_rtl",
        (1, 4, 4, 4),
        (1, 2, 2, 4),
        "BIPOLAR",
        inputDataType="BIPOLAR",
        outputDataType="BIPOLAR",
        IFMDim=[4, 4],
        Channels=4,
        PE=2,
        PoolDim=[2, 2],
    )


def matrix_vector():
    """With padding flags and an odd SIMD: everything is counted doubled."""
    rng = np.random.default_rng(5)
    weights, thresholds = rng.choice([-1, 1], (9, 4)), rng.integers(-4, 5, (4, 1))
    return node(
        "BnnMVU_rtl",
        (1, 8, 9),
        (1, 8, 4),
        "TERNARY",
        {"weights": (weights, "BIPOLAR"), "thresholds": (thresholds, "INT8")},
        MW=9,
        MH=4,
        SIMD=3,
        PE=2,
        inputDataType="TERNARY",
        outputDataType="BIPOLAR",
        accDataType="INT8",
        numInputVectors=[1, 8],
    ), {"weights": weights, "thresholds": thresholds}


def random_frame(op, rng):
    """Draw a frame, mostly -1 for the sake of pools; some words of a flagged one are padding."""
    values = rng.choice([-1, 1], op.get_normal_input_shape(), p=[0.75, 0.25])
    if op.in_stream().flagged:
        words = values.reshape(-1, op.in_stream().lanes)
        words[rng.random(len(words)) < 0.3] = 0
    return values


def check_simulation(op, parameters):
    rng = np.random.default_rng(7)
    context = {"inp": random_frame(op, rng).astype(np.float32)}
    context.update({name: value.astype(np.float32) for name, value in parameters.items()})
    op.execute_node(context, None)
    simulated = context["outp"].copy()
    op.set_nodeattr("exec_mode", "")
    op.execute_node(context, None)
    assert np.array_equal(simulated, context["outp"])
    assert len(np.unique(simulated)) > 1
    assert op.get_nodeattr("cycles_rtlsim") >= op.get_exp_cycles()


def test_the_rtl_of_a_window_gives_what_its_node_computes():
    check_simulation(window(), {})


@pytest.mark.slow
def test_the_rtl_of_a_pool_gives_what_its_node_computes():
    check_simulation(max_pool(), {})


def test_the_rtl_of_a_matrix_vector_unit_gives_what_its_node_computes():
    op, parameters = matrix_vector()
    check_simulation(op, parameters)


def test_words_and_flags_survive_packing():
    stream = Stream(lanes=3, elem_bits=1, signed=False, beats=4, flagged=True)
    values = np.array([[1, -1, 1], [0, 0, 0], [-1, -1, -1], [1, 1, 1]])
    words = stream_integers(stream, values)
    assert words == [0b0101, 0b1000, 0b0000, 0b0111]
    assert np.array_equal(stream_tensor(stream, words), values.reshape(-1))


def test_the_wrapper_carries_the_flag_above_the_data():
    op, _ = matrix_vector()
    text = wrapper(op, {"MW": 9})
    assert ".in_pad_i(in0_V_TDATA[3:3])" in text
    assert ".in_data_i(in0_V_TDATA[2:0])" in text
    assert "out0_V_TDATA = 8'(out_word)" in text
