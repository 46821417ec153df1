"""Tabulated steps equal the golden model wherever it can be, and nothing else is accepted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import Net, random_images, small_net
from onnx import helper

from flow.errors import UserError
from flow.golden import (
    GoldenModel,
    GoldenSession,
    channel_steps,
    input_table,
    is_affine,
    load_onnx,
    lower_to_plain_onnx,
)
from flow.hw.reference import threshold


def fc_net(scale: list[float], bias: list[float], mean: list[float], variance: float) -> Net:
    """36 bipolar inputs, one BatchNorm with given parameters, bipolar, and a last layer."""
    channels = len(scale)
    net = Net((1, 36)).image_sign().matmul(36, channels)
    parameters = (scale, bias, mean, [variance] * channels)
    net.add("BatchNormalization", *(net.const(p) for p in parameters), epsilon=1e-5)
    return net.bipolar().matmul(channels, 10)


def assert_steps_reproduce_taps(golden: GoldenModel, images: int) -> None:
    """Apply each layer's steps to its real accumulators; un-pooled layers must equal the tap."""
    pixels = random_images(images, golden.image_shape)
    tensors = GoldenSession(golden).run_with_taps(pixels, accumulators=True)
    checked = 0
    for layer in golden.layers:
        if not layer.taps:
            continue
        steps = channel_steps(golden, layer.index)
        accumulators = np.moveaxis(tensors[layer.accumulator], 1, -1)
        assert np.abs(accumulators).max() <= layer.bound
        codes = np.moveaxis(threshold(accumulators, steps), -1, 1)
        expected = tensors[layer.taps[0]]
        if layer.pooled:
            # All of these networks pool with a global maximum, and it commutes where rising.
            codes, expected = codes[:, steps.rising], expected[:, steps.rising]
            codes = codes.max(axis=(2, 3)).reshape(expected.shape)
        np.testing.assert_array_equal(codes, expected, err_msg=layer.source)
        checked += 1
    assert checked == len(golden.layers) - 1


@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize(("bits", "scale"), [(1, 1.0), (2, 0.5), (4, 1 / 7), (8, 1 / 50)])
def test_steps_reproduce_every_tap(pad: int, bits: int, scale: float) -> None:
    golden = lower_to_plain_onnx(small_net(pad=pad, bits=bits, scale=scale, seed=5).build())
    assert_steps_reproduce_taps(golden, images=6)


def test_steps_reproduce_every_tap_of_cnv(cnv_path: Path) -> None:
    assert_steps_reproduce_taps(lower_to_plain_onnx(load_onnx(cnv_path)), images=2)


def test_steps_reproduce_every_tap_of_trained_networks(trained_path: Path) -> None:
    assert_steps_reproduce_taps(lower_to_plain_onnx(load_onnx(trained_path)), images=2)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([0.5, 3.0, 20.0]))
def test_bipolar_step_is_where_float32_batch_norm_changes_sign(seed: int, spread: float) -> None:
    net = Net((1, 36), seed=seed).image_sign().matmul(36, 24).batch_norm(24, spread)
    parameters = [onnx.numpy_helper.to_array(t) for t in net.initializers[-4:]]
    golden = lower_to_plain_onnx(net.bipolar().matmul(24, 10).build())
    steps = channel_steps(golden, 0)
    a = np.float32(1) / np.sqrt(parameters[3] + np.float32(1e-5)) * parameters[0]
    b = parameters[1] - parameters[2] * a
    values = np.arange(-36, 37)
    expected = np.where(values[:, None].astype(np.float32) * a + b >= 0, 1, -1)
    np.testing.assert_array_equal(
        threshold(np.broadcast_to(values[:, None], (73, 24)), steps), expected
    )
    inside = np.abs(steps.steps[:, 0]) <= 36
    for c in np.flatnonzero(~steps.constant):
        at = int(steps.steps[c, 0])
        before = at - 1 if steps.rising[c] else at + 1
        assert inside[c] and expected[at + 36, c] == 1 and expected[before + 36, c] == -1


def test_tie_counts_as_passed_rising_and_falling() -> None:
    golden = lower_to_plain_onnx(fc_net([1, -1], [0, 0], [6, 6], 1.0).build())
    steps = channel_steps(golden, 0)
    assert steps.steps.tolist() == [[6], [6]]
    assert steps.rising.tolist() == [True, False]
    codes = threshold(np.array([[5, 5], [6, 6], [7, 7]]), steps)
    assert codes.tolist() == [[-1, 1], [1, 1], [1, -1]]


def test_dead_and_unreachable_channels_are_constant() -> None:
    net = fc_net([0, 0, 0, 1, 1, -1, -1], [1, -1, 0, 0, 0, 0, 0], [0, 0, 0, 37, -36, -37, 37], 1.0)
    steps = channel_steps(lower_to_plain_onnx(net.build()), 0)
    assert steps.constant.tolist() == [True] * 7
    assert steps.codes.tolist() == [1, -1, 1, -1, 1, -1, 1]
    assert steps.steps[:, 0].tolist() == [-36, 37, -36, 37, -36, 37, -36]
    assert (steps.accumulator_min, steps.accumulator_max) == (-36, 36)


def test_multi_step_thresholds_follow_half_even_rounding_and_clipping() -> None:
    net = Net((1, 36)).image_sign().matmul(36, 2)
    net.add("Mul", net.const([[0.5, -0.5]])).quant(3, 1.0).matmul(2, 10)
    steps = channel_steps(lower_to_plain_onnx(net.build()), 0)
    # 0.5 d rounds half to even: -3.5 -> -4 (the floor code), -2.5 -> -2, -0.5 -> 0, 0.5 -> 0, ...
    assert steps.steps[0].tolist() == [-6, -5, -2, -1, 2, 3, 6]
    assert steps.steps[1].tolist() == [-6, -3, -2, 1, 2, 5, 6]
    assert steps.rising.tolist() == [True, False]
    values = np.arange(-36, 37)
    expected = np.clip(np.round(values * 0.5), -4, 3)
    codes = threshold(np.stack([values, -values], axis=1), steps)
    np.testing.assert_array_equal(codes, np.stack([expected, expected], axis=1))


def test_zero_point_shifts_the_codes() -> None:
    net = Net((1, 36)).image_sign().matmul(36, 1).quant(2, 2.0, zero=1.0, signed=0).matmul(1, 10)
    steps = channel_steps(lower_to_plain_onnx(net.build()), 0)
    values = np.arange(-36, 37)[:, None]
    expected = np.round(np.clip(values / 2 + 1, 0, 3)) - 1
    np.testing.assert_array_equal(threshold(values, steps), expected)


def test_accumulator_scale_is_the_value_of_one_integer_step() -> None:
    golden = lower_to_plain_onnx(small_net().build())
    assert channel_steps(golden, 0).accumulator_scale.tolist() == [1 / 128] * 8
    assert channel_steps(golden, 1).pooled and not channel_steps(golden, 0).pooled


def test_chunks_of_the_table_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    golden = lower_to_plain_onnx(small_net(bits=4, scale=0.1, seed=2).build())
    whole = channel_steps(golden, 1)
    monkeypatch.setattr("flow.golden.thresholds._CHUNK_ELEMENTS", 48)
    chunked = channel_steps(golden, 1)
    for name in ("steps", "rising", "constant", "codes"):
        np.testing.assert_array_equal(getattr(chunked, name), getattr(whole, name))


def test_scores_layer_has_no_steps() -> None:
    golden = lower_to_plain_onnx(small_net().build())
    with pytest.raises(UserError, match=r"layer 2 .* no quantiser \(it gives the scores\)"):
        channel_steps(golden, 2)
    with pytest.raises(UserError, match=r"no layer 3; there are 0\.\.2"):
        channel_steps(golden, 3)


def test_non_monotone_channel_is_named() -> None:
    golden = lower_to_plain_onnx(fc_net([1, 1], [-4, 100], [0, 0], 1.0).build())
    name = golden.layers[0].accumulator
    nodes = golden.onnx_model.graph.node
    position = next(i for i, n in enumerate(nodes) if name in n.output)
    nodes.insert(position + 1, helper.make_node("Mul", [name, name], ["square"]))
    nodes[position + 2].input[0] = "square"
    with pytest.raises(UserError, match=r"layer 0 \(MatMul_\d\), channel 0: .*\(1 channels\)"):
        channel_steps(golden, 0)


def test_quantiser_behind_a_flatten_is_refused() -> None:
    net = Net().image_quantiser().conv(3, 4, kernel=7).add("Flatten", axis=1).bipolar()
    golden = lower_to_plain_onnx(net.matmul(16, 10).build())
    with pytest.raises(UserError, match="4 channels become 16 features"):
        channel_steps(golden, 0)


def test_constant_per_pixel_is_refused() -> None:
    net = Net().image_quantiser().conv(3, 4, kernel=7)
    net.add("Add", net.const(np.ones((1, 4, 2, 2)))).bipolar().conv(4, 10, kernel=2)
    golden = lower_to_plain_onnx(net.add("Flatten", axis=1).build())
    with pytest.raises(UserError, match=r"Add has a constant of shape \(1, 4, 2, 2\)"):
        channel_steps(golden, 0)


def test_input_table_is_the_input_quantiser() -> None:
    golden = lower_to_plain_onnx(small_net().build())
    table = input_table(golden)
    pixel = np.arange(256, dtype=np.float32) / np.float32(255)
    expected = np.clip(np.round((pixel * 2 - 1) * 128), -128, 127)
    np.testing.assert_array_equal(table, expected)
    assert is_affine(table) is None  # 127.5 lies between two pixel values, so code 0 is skipped


def test_table_of_pixel_over_128_minus_1_is_affine() -> None:
    net = Net((1, 49))
    net.add("Mul", net.const(255 / 128)).add("Sub", net.const(1.0)).quant(8, 1 / 128)
    golden = lower_to_plain_onnx(net.matmul(49, 10).build())
    assert is_affine(input_table(golden)) == (1, -128)


def test_normalisation_that_differs_between_channels_is_refused() -> None:
    net = Net()
    net.add("Sub", net.const(np.array([0.4, 0.5, 0.6]).reshape(3, 1, 1))).quant(8, 1 / 128)
    golden = lower_to_plain_onnx(net.conv(3, 10, kernel=8).add("Flatten", axis=1).build())
    with pytest.raises(UserError, match=r"different codes .* normalise all channels alike"):
        input_table(golden)
