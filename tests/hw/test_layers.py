"""Our FINN custom ops: streams, parameters, memory images and Python execution agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import padded_net, tiny_net
from onnx import ModelProto, TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from driver.packing import unpack_words
from flow.errors import UserError
from flow.golden import activation_steps, input_table, lower_to_plain_onnx
from flow.graph.mapping import to_hardware
from flow.graph.streamlining import streamline
from flow.graph.tidy import tidy
from flow.hw.base import datatype_stream
from flow.hardware.design import snake_case
from flow.hw.fifo_depths import round_depth
from flow.hw.reference import mvu_xnor
from flow.hw.single_node import stream_integers, stream_tensor
from flow.hw.sizing import insert_plumbing
from flow.hw.specialize import specialize
from flow.hw.stream import Stream
from flow.tools.finn import RTL_DOMAIN, custom_op, prepare_finn

prepare_finn()


def mvu_model(
    weights: np.ndarray, thresholds: np.ndarray, *, pe: int, simd: int, datatype: str = "BIPOLAR"
) -> tuple[ModelWrapper, Any]:
    """One BnnMVU_rtl node; `weights` (MW, MH) in {-1, +1}, `thresholds` (MH,)."""
    mw, mh = weights.shape
    node = helper.make_node(
        "BnnMVU_rtl",
        ["x", "w", "t"],
        ["y"],
        name="MVAU_0",
        domain=RTL_DOMAIN,
        backend="fpgadataflow",
        inputDataType=datatype,
        outputDataType="BIPOLAR",
        accDataType="INT16",
        MW=mw,
        MH=mh,
        PE=pe,
        SIMD=simd,
        numInputVectors=[1],
    )
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, mw])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, mh])]
    model = ModelWrapper(helper.make_model(helper.make_graph([node], "g", inputs, outputs)))
    model.set_initializer("w", weights.astype(np.float32))
    model.set_initializer("t", thresholds.astype(np.float32)[:, None])
    model.set_tensor_datatype("x", DataType[datatype])
    return model, custom_op(model.graph.node[0])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_memory_images_hold_what_python_execution_computes(data: st.DataObject) -> None:
    """Weights and thresholds read back from the images give the outputs the node computes."""
    pe = data.draw(st.sampled_from([1, 2, 3]))
    simd = data.draw(st.sampled_from([1, 2, 3, 5]))
    nf, sf = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    flagged = data.draw(st.booleans())
    mh, mw = pe * nf, simd * sf
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    weights = rng.choice([-1, 1], (mw, mh))
    thresholds = rng.integers(-mw - 3, mw + 4, mh)
    datatype = "TERNARY" if flagged else "BIPOLAR"
    model, op = mvu_model(weights, thresholds, pe=pe, simd=simd, datatype=datatype)
    x = rng.choice([-1, 1], mw)
    mask = np.repeat(rng.random(sf) < 0.4, simd) if flagged else np.zeros(mw, bool)
    x[mask] = 0
    context = {"x": x[None].astype(np.float32)}
    for name in ("w", "t"):
        context[name] = model.get_initializer(name)
    op.execute_node(context, model.graph)

    images = {image.parameter: image for image in op.memory_images(model)}
    bits = unpack_words(images["WeightFile"].words, pe * simd, 1, signed=False)
    rows = bits.reshape(nf, sf, pe, simd).transpose(0, 2, 1, 3).reshape(mh, mw)
    width = images["ThreshFile"].width_bits // pe
    parts = unpack_words(images["ThreshFile"].words, pe, width, signed=False)
    chunks = op.parameters()["ThreshChunks"]
    parts = parts.reshape(nf, chunks, pe) << (width * np.arange(chunks))[:, None]
    stored = parts.sum(axis=1)
    dot = mvu_xnor((x > 0).astype(np.int64)[None], rows, mask[None])[0]
    scale = 2 if flagged and simd % 2 else 1
    counted = (dot + mw) * scale // 2  # what the module accumulates
    expected = np.where(counted >= stored.reshape(-1), 1, -1)
    assert np.array_equal(context["y"][0], expected)
    assert np.array_equal(expected, np.where(x @ weights >= thresholds, 1, -1))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_images_of_wide_weights_and_several_thresholds(data: st.DataObject) -> None:
    """Read back from the images they give the codes that the node computes."""
    pe, simd = data.draw(st.sampled_from([1, 2, 3])), data.draw(st.sampled_from([1, 2, 5]))
    nf, sf, bits = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4)), 4
    steps, low = data.draw(st.sampled_from([2, 3, 7])), data.draw(st.sampled_from([-2, 0]))
    mh, mw = pe * nf, simd * sf
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    weights = rng.integers(-8, 8, (mw, mh))
    thresholds = np.sort(rng.integers(-40, 41, (mh, steps)), axis=1)
    model, op = mvu_model(weights, thresholds[:, 0], pe=pe, simd=simd, datatype="UINT3")
    model.set_initializer("t", thresholds.astype(np.float32))
    values = {"weightDataType": f"INT{bits}", "outputDataType": "INT4", "ActVal": low}
    for name, value in {**values, "Steps": steps, "accDataType": "INT10"}.items():
        op.set_nodeattr(name, value)
    x = rng.integers(0, 8, mw)
    context = {"x": x[None].astype(np.float32)}
    for name in ("w", "t"):
        context[name] = model.get_initializer(name)
    op.execute_node(context, model.graph)

    images = {image.parameter: image for image in op.memory_images(model)}
    words = unpack_words(images["WeightFile"].words, pe * simd, bits, signed=True)
    rows = words.reshape(nf, sf, pe, simd).transpose(0, 2, 1, 3).reshape(mh, mw)
    width = images["ThreshFile"].width_bits // (pe * steps)
    assert width == op.parameters()["ThreshBits"]
    stored = unpack_words(images["ThreshFile"].words, pe * steps, width, signed=True)
    codes = low + (rows @ x >= stored.reshape(mh, steps).T).sum(axis=0)
    assert np.array_equal(context["y"][0], codes)
    assert np.array_equal(stored.reshape(mh, steps), thresholds)
    assert op.parameters()["CodeLow"] == low % 16


def test_unreachable_thresholds_are_stored_as_always_and_never() -> None:
    model, op = mvu_model(np.ones((4, 2)), np.array([-99, 99]), pe=1, simd=2)
    assert list(op.stored_thresholds(model.get_initializer("t"))) == [0, 5]
    assert op.threshold_bits() == 3


def test_ideal_cycles_are_nf_sf_vectors_and_finn_sees_them() -> None:
    from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer

    model, op = mvu_model(np.ones((12, 6)), np.zeros(6), pe=2, simd=3)
    assert op.get_exp_cycles() == 3 * 4
    assert exp_cycles_per_layer(model) == {"MVAU_0": 12}


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
    name = data.draw(st.sampled_from(["TERNARY", "BIPOLAR", "UINT8", "INT5"]))
    height, frames = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    shape = (frames, height, groups * pixels, chunks * lanes)
    stream = datatype_stream(name, lanes, (1, *shape[1:]), pixels)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    kind = DataType[name]
    tensor = rng.integers(int(kind.min()), int(kind.max()) + 1, shape)
    if name == "BIPOLAR":
        tensor = 2 * (tensor > 0) - 1
    if name == "TERNARY":  # whole chunks of a pixel are padding, or none of it
        tensor = np.where(tensor == 0, 1, tensor)
        tensor[np.repeat(rng.random((*shape[:3], chunks)) < 0.4, lanes, axis=3)] = 0
    words = stream.words(tensor)
    assert words.shape == (frames * stream.beats, stream.word_bytes + stream.flag_bytes)
    bits = stream.elem_bits
    order = np.ndindex(frames, height, groups, chunks)
    for row, (frame, y, group, chunk) in enumerate(order):
        word = int.from_bytes(words[row, : stream.word_bytes].tobytes(), "little")
        flags = int.from_bytes(words[row, stream.word_bytes :].tobytes(), "little")
        for m, lane in np.ndindex(pixels, lanes):
            value = int(tensor[frame, y, group * pixels + m, chunk * lanes + lane])
            code = int(value > 0) if bits == 1 else value & ((1 << bits) - 1)
            assert word >> ((m * lanes + lane) * bits) & ((1 << bits) - 1) == code
            assert flags >> m & 1 == (stream.flagged and value == 0)
    integers = stream_integers(stream, tensor)
    assert np.array_equal(stream_tensor(stream, integers), tensor.reshape(-1))


def test_pixels_that_do_not_divide_a_row_are_refused() -> None:
    with pytest.raises(ValueError, match=r"3 pixels of 4 lanes do not divide \(1, 8, 32, 16\)"):
        datatype_stream("BIPOLAR", 4, (1, 8, 32, 16), 3)


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


def test_an_unknown_fifo_is_refused_with_an_example(specialized: ModelWrapper) -> None:
    with pytest.raises(UserError, match=r"there is no FIFO Fifo_MVAU_9; .* Fifo_InputTable_0"):
        insert_plumbing(specialized, 32, {"Fifo_MVAU_9": 4})


def test_windows_get_no_fifo_and_every_other_layer_gets_one(specialized: ModelWrapper) -> None:
    layers = [n.name for n in specialized.graph.node]
    sized = insert_plumbing(specialized, 8, {"Fifo_MVAU_0": 16})
    fifos = {
        n.name: custom_op(n).get_nodeattr("Depth")
        for n in sized.graph.node
        if n.op_type == "BnnFifo_rtl"
    }
    expected = {f"Fifo_{name}": 8 for name in layers[:-1] if "Window" not in name}
    assert fifos == {**expected, "Fifo_MVAU_0": 16}
    for before, after in zip(list(sized.graph.node)[:-1], list(sized.graph.node)[1:], strict=True):
        assert custom_op(before).out_stream() == custom_op(after).in_stream()


def specialized_graph(qonnx_model: ModelProto) -> ModelWrapper:
    golden = lower_to_plain_onnx(qonnx_model)
    steps = list(activation_steps(golden))
    graph, _ = streamline(tidy(ModelWrapper(qonnx_model)), input_table(golden), steps)
    return specialize(to_hardware(graph))


@pytest.fixture
def specialized() -> ModelWrapper:
    return specialized_graph(tiny_net().build())


def test_padding_becomes_flags_for_zero_and_bits_for_minus_one() -> None:
    for pad_value, datatype in ((0, "TERNARY"), (-1, "BIPOLAR")):
        model = specialized_graph(padded_net(pad_value).build())
        windows = [custom_op(n) for n in model.graph.node if n.op_type == "BnnSlidingWindow_rtl"]
        assert [w.get_nodeattr("outputDataType") for w in windows] == ["INT8", datatype, datatype]
        assert [w.get_nodeattr("PadValue") for w in windows] == [0, pad_value, pad_value]
        assert [w.out_stream().flagged for w in windows] == [False, pad_value == 0, pad_value == 0]
