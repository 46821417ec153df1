"""The NumPy kernels agree with ONNX's operators and with each other's definitions."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from flow.errors import UserError
from flow.hardware import reference as hw
from flow.hardware.memory_image import read_hex, write_hex


def run_onnx(op: str, inputs: dict[str, np.ndarray], **attributes: object) -> np.ndarray:
    """Run one operator on float32 arrays in onnxruntime."""
    info = [helper.make_tensor_value_info(k, 1, v.shape) for k, v in inputs.items()]
    node = helper.make_node(op, list(inputs), ["y"], **attributes)
    graph = helper.make_graph([node], op, info, [helper.make_tensor_value_info("y", 1, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = ort.InferenceSession(model.SerializeToString())
    return session.run(None, {k: v.astype(np.float32) for k, v in inputs.items()})[0]


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    pad=st.tuples(*[st.integers(0, 2)] * 4),
    channels=st.integers(1, 3),
    signed_one_bit=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_window_times_weights_is_the_onnx_convolution(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int, int, int],
    channels: int,
    signed_one_bit: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (2, 6, 5, channels))
    if signed_one_bit:
        x = np.where(x >= 0, 1, -1)
    weights = rng.choice([-1, 1], (4, *kernel, channels))
    patches, mask = hw.sliding_window(x, kernel, stride, pad)
    expected = run_onnx(
        "Conv",
        {"x": x.transpose(0, 3, 1, 2), "w": weights.transpose(0, 3, 1, 2)},
        strides=stride,
        pads=pad,
    ).transpose(0, 2, 3, 1)
    matrix = weights.reshape(4, -1)
    np.testing.assert_array_equal(hw.mvu(patches, matrix), expected)
    np.testing.assert_array_equal(np.where(mask, 0, patches), patches)
    np.testing.assert_array_equal(hw.mvu(np.where(mask, 99, patches), matrix, mask), expected)
    if signed_one_bit:
        dots = hw.mvu_xnor((patches > 0).astype(int), (matrix > 0).astype(int), mask)
        np.testing.assert_array_equal(dots, expected)


def test_minus_one_padding_is_bit_zero() -> None:
    rng = np.random.default_rng(1)
    x = rng.choice([-1, 1], (1, 4, 4, 3))
    weights = rng.choice([-1, 1], (5, 27))
    patches, mask = hw.sliding_window(x, (3, 3), pad=(1, 1, 1, 1), pad_value=-1)
    assert mask.any() and (patches[mask] == -1).all()
    bits, weight_bits = (patches > 0).astype(int), (weights > 0).astype(int)
    np.testing.assert_array_equal(hw.mvu(patches, weights), hw.mvu_xnor(bits, weight_bits))


def test_patch_elements_run_over_row_column_channel() -> None:
    x = np.arange(3 * 3 * 2).reshape(1, 3, 3, 2)
    patches, _ = hw.sliding_window(x, (2, 2))
    assert patches.shape == (1, 2, 2, 8)
    assert patches[0, 1, 0].tolist() == [6, 7, 8, 9, 12, 13, 14, 15]


def test_asymmetric_padding_is_top_left_bottom_right() -> None:
    patches, mask = hw.sliding_window(np.ones((1, 1, 1, 1)), (2, 3), pad=(1, 2, 0, 0), pad_value=7)
    assert patches[0, 0, 0].tolist() == [7, 7, 7, 7, 7, 1]
    assert mask[0, 0, 0].tolist() == [True] * 5 + [False]


@pytest.mark.parametrize("peak", [1, 2**20, 2**40])
def test_matrix_product_is_exact_in_every_number_range(peak: int) -> None:
    rng = np.random.default_rng(peak)
    data, weights = rng.integers(-peak, peak + 1, (3, 50)), rng.integers(-9000, 9000, (4, 50))
    expected = [
        [sum(int(a) * int(b) for a, b in zip(d, w, strict=True)) for w in weights] for d in data
    ]
    assert hw.mvu(data, weights).tolist() == expected


@pytest.mark.parametrize(
    ("kernel", "stride", "pad"),
    list(product([(2, 2), (3, 2)], [None, (1, 1), (2, 3)], [(0, 0, 0, 0), (1, 1, 1, 0)])),
)
def test_pool_is_the_onnx_operator(
    kernel: tuple[int, int], stride: tuple[int, int] | None, pad: tuple[int, int, int, int]
) -> None:
    x = np.random.default_rng(3).integers(-9, 9, (2, 7, 6, 3))
    given = {"kernel_shape": kernel, "strides": stride or kernel, "pads": pad}
    inputs = {"x": x.transpose(0, 3, 1, 2)}
    greatest = run_onnx("MaxPool", inputs, **given).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(hw.pool(x, kernel, stride, pad), greatest)
    mean = run_onnx("AveragePool", inputs, **given, count_include_pad=1).transpose(0, 2, 3, 1)
    total = hw.pool(x, kernel, stride, pad, total=True)
    np.testing.assert_array_equal(total, np.rint(mean * kernel[0] * kernel[1]))


@pytest.mark.parametrize(
    ("kernel", "stride"), list(product([(2, 2), (3, 2)], [None, (1, 1), (2, 3)]))
)
def test_a_maximum_of_bits_is_their_or(
    kernel: tuple[int, int], stride: tuple[int, int] | None
) -> None:
    x = np.random.default_rng(3).integers(0, 2, (2, 7, 6, 3))
    pooled = hw.pool(x, kernel, stride)
    patches, _ = hw.sliding_window(x, kernel, stride or kernel)
    windows = patches.reshape(*patches.shape[:3], -1, 3)
    np.testing.assert_array_equal(pooled, np.bitwise_or.reduce(windows, axis=3))


def test_multi_threshold_counts_ties_as_reached() -> None:
    counts = hw.multi_threshold(np.array([[1, 1], [2, 2], [3, 3]]), np.array([[2, 3], [4, 4]]))
    assert counts.tolist() == [[0, 0], [1, 0], [2, 0]]


def test_label_of_a_tie_is_the_lower_index() -> None:
    assert hw.label_select(np.array([[1, 5, 5], [-3, -3, -4]])).tolist() == [1, 0]


@given(theta=st.integers(-40, 40), count=st.integers(1, 36), ones=st.integers(0, 36))
def test_threshold_on_dot_is_threshold_on_popcount(theta: int, count: int, ones: int) -> None:
    p = min(ones, count)
    assert (2 * p - count >= theta) == (p >= -(-(theta + count) // 2))


def test_fold_puts_channel_zero_in_lane_zero() -> None:
    words = hw.fold_words(np.arange(12).reshape(1, 1, 2, 6), 3, 4)
    assert words.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]


def test_fold_weights_walks_columns_before_rows() -> None:
    words = hw.fold_weights(np.arange(16).reshape(4, 4), pe=2, simd=2)
    assert words.tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hw.fold_words(np.zeros((1, 6)), 4, 1), "4 lanes do not divide"),
        (lambda: hw.fold_words(np.full((1, 4), 16), 4, 4), "do not fit 4 bits"),
        (lambda: hw.mvu(np.full((1, 2), 0.5), np.ones((1, 2))), "not integers"),
        (lambda: hw.mvu(np.ones((1, 2)), np.ones((1, 3))), "vectors of 2"),
        (lambda: hw.sliding_window(np.ones((1, 2, 2, 1)), (3, 3)), "larger than 2 x 2"),
        (lambda: hw.sliding_window(np.ones((2, 2, 1)), (1, 1)), "does not have 4 axes"),
        (lambda: hw.pool(np.ones((1, 2, 2, 1)), (3, 3)), "is larger"),
        (lambda: hw.fold_weights(np.ones((4, 4)), 3, 2), "do not divide"),
    ],
)
def test_impossible_geometry_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


@settings(deadline=None)
@given(width=st.integers(1, 40), depth=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_memory_image_reads_back(
    tmp_path_factory: pytest.TempPathFactory, width: int, depth: int, seed: int
) -> None:
    words = np.random.default_rng(seed).integers(0, 256, (depth, (width + 7) // 8), dtype=np.uint8)
    if width % 8:
        words[:, -1] &= (1 << (width % 8)) - 1
    path = tmp_path_factory.mktemp("mem") / "w.mem"
    digest = write_hex(path, words, width)
    np.testing.assert_array_equal(read_hex(path, width, digest), words)
    numbers = [int(line, 16) for line in path.read_text().split()]
    assert numbers == [int.from_bytes(w.tobytes(), "little") for w in words]


def test_memory_image_is_one_readmemh_word_a_line(tmp_path: Path) -> None:
    write_hex(tmp_path / "w.mem", np.array([[0x34, 0x02], [0xFF, 0x03]], np.uint8), 10)
    assert (tmp_path / "w.mem").read_text() == "234\n3ff\n"


def test_changed_memory_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.mem"
    digest = write_hex(path, np.array([[0x34], [0x12]], np.uint8), 8)
    path.write_text("34\n13\n")
    with pytest.raises(UserError, match=f"expected {digest}"):
        read_hex(path, 8, digest)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("34\nx1\n", "line 2: 'x1' is not 2 hex"),
        ("34\n123\n", "line 2"),
        ("", "empty"),
        ("3f\n7f\n", "line 2: bits beyond the width of 6"),
    ],
)
def test_malformed_memory_image_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "w.mem"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_hex(path, 6)


def test_bits_beyond_the_width_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="beyond the width of 6"):
        write_hex(tmp_path / "w.mem", np.array([[0x40]], np.uint8), 6)
