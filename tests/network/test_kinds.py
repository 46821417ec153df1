"""Each kind of node: its reference against onnxruntime or by hand, its range, what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from flow.errors import UserError
from flow.frontend.golden import plain_session
from flow.network import (
    Add,
    Concat,
    Conv,
    Dense,
    Depthwise,
    Edge,
    InputCodes,
    MaxPool,
    Node,
    PairTable,
    Scores,
    SumPool,
    Threshold,
    Window,
    stored_weights,
)

CODES = Edge((6, 7, 4), -3, 5)


def frames(edge: Edge, count: int = 3, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, edge.levels, (count, *edge.shape))
    return edge.low + edge.step * values


def weights(*shape: int, low: int = -4, high: int = 4, seed: int = 1) -> Any:
    return stored_weights(np.random.default_rng(seed).integers(low, high, shape))


def onnxruntime(op: str, inputs: dict[str, np.ndarray], **attributes: Any) -> np.ndarray:
    """Run one operator on float32 tensors, channels first; return frames."""
    node = helper.make_node(op, list(inputs), ["y"], **attributes)
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(values.shape))
        for name, values in inputs.items()
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    model = helper.make_model(
        helper.make_graph([node], "one", infos, outputs),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=9,
    )
    feeds = {name: values.astype(np.float32) for name, values in inputs.items()}
    return plain_session(model).run(["y"], feeds)[0].transpose(0, 2, 3, 1).astype(np.int64)


def in_range(node: Node, *sources: Edge, batch: int = 3) -> np.ndarray:
    """Compute a node and hold its output against the edge it promises."""
    edge = node.edge(sources)
    found = node.compute([frames(source, batch, seed=k) for k, source in enumerate(sources)])
    assert found.shape == (batch, *edge.shape)
    assert edge.low <= found.min() and found.max() <= edge.high
    assert not np.any((found - edge.low) % edge.step)
    return found


windows = st.builds(
    Window,
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pad=st.tuples(*[st.integers(0, 2)] * 4),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)


@settings(max_examples=60, deadline=None)
@given(window=windows, groups=st.sampled_from([1, 2]))
def test_conv_is_onnxruntimes(window: Window, groups: int) -> None:
    node = Conv("c", ("x",), weights(6, *window.size, 4 // groups), window, groups=groups)
    found = in_range(node, CODES)
    tensors = {
        "x": frames(CODES).transpose(0, 3, 1, 2),
        "w": node.weights.transpose(0, 3, 1, 2),
    }
    options = {"pads": window.pad, "strides": window.stride, "dilations": window.dilation}
    np.testing.assert_array_equal(found, onnxruntime("Conv", tensors, group=groups, **options))


@settings(max_examples=40, deadline=None)
@given(window=windows)
def test_depthwise_is_onnxruntimes(window: Window) -> None:
    node = Depthwise("d", ("x",), weights(4, *window.size), window)
    found = in_range(node, CODES)
    tensors = {"x": frames(CODES).transpose(0, 3, 1, 2), "w": node.weights[:, None]}
    options = {"pads": window.pad, "strides": window.stride, "dilations": window.dilation}
    np.testing.assert_array_equal(found, onnxruntime("Conv", tensors, group=4, **options))


@settings(max_examples=60, deadline=None)
@given(window=windows)
def test_pools_are_onnxruntimes(window: Window) -> None:
    if any(window.pad[k] >= window.size[k % 2] for k in range(4)):
        with pytest.raises(UserError, match=r"padding .* is not smaller than its window"):
            MaxPool("m", ("x",), window, np.zeros(4, np.bool_)).edge([CODES])
        return
    x = {"x": frames(CODES).transpose(0, 3, 1, 2)}
    options = {
        "kernel_shape": window.size,
        "pads": window.pad,
        "strides": window.stride,
        "dilations": window.dilation,
    }
    found = in_range(MaxPool("m", ("x",), window, np.zeros(4, np.bool_)), CODES)
    np.testing.assert_array_equal(found, onnxruntime("MaxPool", x, **options))
    turned = {"x": -x["x"]}
    found = in_range(MaxPool("m", ("x",), window, np.ones(4, np.bool_)), CODES)
    np.testing.assert_array_equal(found, -onnxruntime("MaxPool", turned, **options))


def test_sum_pool_adds_what_is_inside() -> None:
    window = Window((2, 3), (2, 3), (0, 1, 0, 1))
    found = in_range(SumPool("s", ("x",), window), CODES)
    padded = np.pad(frames(CODES), ((0, 0), (0, 0), (1, 1), (0, 0)))
    np.testing.assert_array_equal(found[:, 1, 2], padded[:, 2:4, 6:9].sum(axis=(1, 2)))


def test_padding_of_bits_adds_nothing_or_is_a_bit() -> None:
    bits = Edge((1, 2, 1), -1, 1, 2)
    window = Window((1, 3), pad=(0, 1, 0, 1))
    ones = np.ones((1, 1, 3, 1), np.int8)
    assert Conv("c", ("x",), ones, window).compute([np.ones((1, 1, 2, 1), int)]).max() == 2
    with_bits = Conv("c", ("x",), ones, window, pad_value=-1)
    assert with_bits.compute([np.ones((1, 1, 2, 1), int)]).tolist() == [[[[1], [1]]]]
    assert with_bits.edge([bits]) == Edge((1, 2, 1), -3, 3)
    with pytest.raises(UserError, match="Conv 'c': it pads with 2, the input has 1x2x1, -1 to 1"):
        Conv("c", ("x",), ones, window, pad_value=2).edge([bits])


def test_dense_reads_row_column_channel() -> None:
    edge = Edge((2, 2, 3), 0, 9)
    node = Dense("d", ("x",), weights(5, 12))
    found = in_range(node, edge)
    expected = frames(edge).reshape(3, 12) @ node.weights.T.astype(np.int64)
    np.testing.assert_array_equal(found.reshape(3, 5), expected)
    with pytest.raises(UserError, match="12 weights an output, a frame 168 values"):
        node.edge([CODES])


def test_sums_beyond_two_to_the_24_are_exact() -> None:
    edge = Edge((1, 1, 70_000), 0, 255)
    node = Dense("d", ("x",), np.full((1, 70_000), 127, np.int8))
    assert node.edge([edge]).high == 70_000 * 127 * 255
    assert node.compute([np.full((1, 1, 1, 70_000), 255)]).item() == 70_000 * 127 * 255


def test_reach_is_what_the_weights_can_do() -> None:
    rows = stored_weights(np.array([[1, -2], [3, 0]]))
    assert Dense("d", ("x",), rows).edge([Edge((1, 1, 2), -1, 4)]) == Edge((1, 1, 2), -9, 12)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), count=st.integers(1, 7))
def test_threshold_counts_steps_up_or_down(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.integers(-5, 8, (4, count)), axis=1)
    falling = rng.integers(0, 2, 4).astype(np.bool_)
    found = in_range(Threshold("t", ("x",), steps, falling, -2, 3), CODES)
    x = frames(CODES)
    for c in range(4):
        reached = x[..., c, None] <= steps[c] if falling[c] else x[..., c, None] >= steps[c]
        np.testing.assert_array_equal(found[..., c], -2 + 3 * reached.sum(axis=-1))


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        (np.zeros((3, 1), int), "steps for 3 channels, its input 4"),
        (np.zeros((4, 256), int), "256 steps a channel; 1 to 255"),
        (np.array([[1, 0]] * 4), "do not ascend"),
    ],
)
def test_threshold_refuses(steps: np.ndarray, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        Threshold("t", ("x",), steps, np.zeros(len(steps), np.bool_), 0).edge([CODES])


def test_identity_is_the_same_code_for_every_value() -> None:
    steps = np.arange(-2, 6)[None].repeat(4, axis=0)
    rising = np.zeros(4, np.bool_)
    assert Threshold("t", ("x",), steps, rising, -3).is_identity(CODES)
    assert not Threshold("t", ("x",), steps, rising, -2).is_identity(CODES)
    assert not Threshold("t", ("x",), steps, ~rising, -3).is_identity(CODES)
    bits = Edge((1, 1, 1), -1, 1, 2)
    for step, same in ((-1, False), (0, True), (1, True), (2, False)):
        node = Threshold("t", ("x",), np.array([[step]]), np.array([False]), -1, 2)
        assert node.is_identity(bits) is same


def test_add_applies_its_factors() -> None:
    other = Edge(CODES.shape, -1, 1, 2)
    node = Add("a", ("x", "y"), (2, -3))
    found = in_range(node, CODES, other)
    np.testing.assert_array_equal(found, 2 * frames(CODES) - 3 * frames(other, seed=1))
    assert node.edge([CODES, other]) == Edge(CODES.shape, -9, 13)
    with pytest.raises(UserError, match="its branches are 6x7x4"):
        node.edge([CODES, Edge((6, 7, 5), 0, 1)])


def test_concat_keeps_the_order_of_its_branches() -> None:
    bits = Edge((6, 7, 2), -1, 1, 2)
    node = Concat("c", ("x", "y"))
    found = in_range(node, bits, CODES)
    np.testing.assert_array_equal(found[..., 2:], frames(CODES, seed=1))
    assert node.edge([bits, bits]) == Edge((6, 7, 4), -1, 1, 2)
    with pytest.raises(UserError, match="its branches are"):
        node.edge([bits, Edge((5, 7, 2), -1, 1, 2)])


def test_pair_table_looks_both_codes_up() -> None:
    a, b = Edge((1, 1, 2), -1, 1, 2), Edge((1, 1, 2), 0, 2)
    table = np.array([[0, 1, 2], [3, 2, 1]], np.int32)
    node = PairTable("p", ("x", "y"), table, (-1, 0), (2, 1), 0, 3)
    x, y = np.array([[[[-1, 1]]]]), np.array([[[[2, 0]]]])
    assert node.compute([x, y]).tolist() == [[[[2, 3]]]]
    in_range(node, a, b)
    with pytest.raises(UserError, match="it is made for codes"):
        node.edge([b, a])


def test_input_codes_are_a_table_from_the_lowest_value() -> None:
    signed = Edge((2, 2, 3), -128, 127)
    node = InputCodes("i", ("x",), np.arange(256, dtype=np.int32) // 2, 0, 127, first=-128)
    np.testing.assert_array_equal(in_range(node, signed), (frames(signed) + 128) // 2)
    with pytest.raises(UserError, match="256 codes, the input 16 values"):
        node.edge([Edge((2, 2, 3), 0, 15)])
    offset = InputCodes("i", ("x",), np.arange(-128, 128, dtype=np.int32), -128, 127)
    assert offset.slope_and_offset == (1, -128)
    assert node.slope_and_offset is None


def test_scores_are_handed_on() -> None:
    node = Scores("s", ("x",), np.array([0.5, 2]), np.array([1.0, -1]))
    sums = np.array([[[[3, -4]]]])
    assert node.compute([sums]).tolist() == sums.tolist()


@pytest.mark.parametrize(
    ("edge", "bits", "signed"),
    [
        (Edge((1, 1, 1), -1, 1, 2), 1, False),
        (Edge((1, 1, 1), 0, 1), 1, False),
        (Edge((1, 1, 1), -1, 1), 2, True),
        (Edge((1, 1, 1), 0, 255), 8, False),
        (Edge((1, 1, 1), -128, 127), 8, True),
        (Edge((1, 1, 1), -129, 0), 9, True),
        (Edge((1, 1, 1), -1, 128), 9, True),
    ],
)
def test_bits_of_an_edge(edge: Edge, bits: int, signed: bool) -> None:
    assert (edge.bits, edge.signed) == (bits, signed)
