"""The network that golden becomes: equal on every tensor, exact steps, branches, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import (
    Net,
    byte_ends_net,
    mixed_net,
    padded_net,
    random_images,
    small_net,
    two_bit_net,
)
from onnx import helper, numpy_helper

from flow.errors import UserError
from flow.frontend.compare import compare_with_golden
from flow.frontend.golden import GoldenSession, load_onnx, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.frontend.witness import compare_with_file
from flow.network import (
    Add,
    Concat,
    Conv,
    Dense,
    InputCodes,
    MaxPool,
    Network,
    PairTable,
    Threshold,
)

DATA = Path(__file__).resolve().parents[1] / "data"


def network_of(model: onnx.ModelProto, images: int = 3) -> Network:
    """Return the network, compared with golden on random images."""
    golden = lower_to_plain_onnx(model)
    network = network_from_golden(golden)
    outcome = compare_with_golden(network, golden, random_images(images, golden.image_shape))
    assert outcome.bit_exact, outcome.difference
    assert outcome.tensors == len(network.taps) >= len(golden.layers) + 2
    witness = compare_with_file(model, golden, random_images(images, golden.image_shape))
    assert witness.agrees, witness.difference
    return network


NETS: list[Callable[[int], Net]] = [
    byte_ends_net,
    mixed_net,
    two_bit_net,
    lambda seed: two_bit_net(seed, signed=0),
    lambda seed: padded_net(0, seed),
    lambda seed: padded_net(-1, seed),
    lambda seed: small_net(seed=seed),
    lambda seed: small_net(seed=seed, bits=4, scale=0.3),
]


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_tensor_equals_golden(make: Callable[[int], Net], seed: int) -> None:
    network_of(make(seed).build())


@pytest.mark.parametrize("name", ["bvgg16_tiny_pad0", "bvgg16_tiny_padm1", "cnv_quarter"])
def test_trained_networks_equal_golden(name: str) -> None:
    network = network_of(load_onnx(DATA / f"{name}.onnx"))
    assert all(isinstance(node, Conv | Dense) for node in network.products)


def test_a_planted_error_is_found_and_named() -> None:
    golden = lower_to_plain_onnx(two_bit_net(3).build())
    network = network_from_golden(golden)
    step = network.of_kind(Threshold)[1]
    step.steps[:] += 3
    outcome = compare_with_golden(network, golden, random_images(4, golden.image_shape))
    assert f"{step.name} (golden {step.name})" in outcome.difference
    assert not outcome.bit_exact


# -- steps -------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    bits=st.integers(1, 8),
    signed=st.sampled_from([0, 1]),
    narrow=st.sampled_from([0, 1]),
    mode=st.sampled_from(["ROUND", "FLOOR", "CEIL"]),
    scale=st.sampled_from([1.0, 0.3, 7.0]),
)
def test_steps_are_those_of_every_single_accumulator(
    seed: int, bits: int, signed: int, narrow: int, mode: str, scale: float
) -> None:
    """Bisection finds what evaluating every reachable integer finds."""
    net = (
        Net((1, 36), input="pixels", seed=seed)
        .image_sign()
        .matmul(36, 24, bits=3)
        .batch_norm(24, 9.0)
    )
    if bits == 1:
        net.bipolar(scale)
    else:
        net.quant(bits, scale, signed=signed, narrow=narrow, mode=mode)
    golden = lower_to_plain_onnx(net.matmul(24, 10).build())
    network = network_from_golden(golden)
    (node,) = network.of_kind(Threshold)
    sums = network.edges[node.inputs[0]]
    parameters = [numpy_helper.to_array(t) for t in net.initializers]
    values = np.arange(sums.low, sums.high + 1)
    found = node.compute([np.repeat(values[:, None, None, None], 24, axis=3)])[:, 0, 0]
    np.testing.assert_array_equal(found, by_hand(values, parameters, golden.taps[-1], mode))


def by_hand(values: np.ndarray, parameters: list[np.ndarray], tap: object, mode: str) -> np.ndarray:
    """BatchNormalization and quantiser in NumPy's float32."""
    gamma, beta, mean, variance = next(
        parameters[k : k + 4]
        for k in range(len(parameters))
        if all(p.shape == (24,) for p in parameters[k : k + 4])
    )
    a = np.float32(1) / np.sqrt(variance + np.float32(1e-5)) * gamma
    y = values[:, None].astype(np.float32) * a + (beta - mean * a)
    if tap.kind == "bipolar":  # type: ignore[attr-defined]
        return np.where(y >= 0, 1, -1)
    scaled = y / np.float32(tap.scale) if tap.scale != 1 else y  # type: ignore[attr-defined]
    clipped = np.clip(scaled, tap.low, tap.high)  # type: ignore[attr-defined]
    return {"ROUND": np.round, "FLOOR": np.floor, "CEIL": np.ceil}[mode](clipped)


def test_tie_counts_as_passed_rising_and_falling_and_dead_channels_are_constant() -> None:
    net = Net((1, 36), input="pixels").image_sign().matmul(36, 5)
    parameters = ([1, -1, 0, 0, 1], [0, 0, 1, -1, 0], [6, 6, 0, 0, 37], [1.0] * 5)
    net.add("BatchNormalization", *(net.const(p) for p in parameters), epsilon=1e-5)
    network = network_of(net.bipolar().matmul(5, 10).build())
    (node,) = network.of_kind(Threshold)
    assert node.steps[:, 0].tolist() == [6, 6, -36, 37, 37]
    assert node.falling.tolist() == [False, True, False, False, False]


def test_steps_follow_half_even_rounding_and_clipping() -> None:
    net = Net((1, 36), input="pixels").image_sign().matmul(36, 2)
    net.add("Mul", net.const([[0.5, -0.5]])).quant(3, 1.0).matmul(2, 10)
    (node,) = network_of(net.build()).of_kind(Threshold)
    # 0.5 d rounds half to even: -3.5 -> -4 (the floor code), -2.5 -> -2, -0.5 -> 0, 0.5 -> 0, ...
    assert node.steps[0].tolist() == [-6, -5, -2, -1, 2, 3, 6]
    assert node.steps[1].tolist() == [-6, -3, -2, 1, 2, 5, 6]
    assert node.falling.tolist() == [False, True]


def test_a_zero_point_shifts_the_codes() -> None:
    net = (
        Net((1, 36), input="pixels")
        .image_sign()
        .matmul(36, 1)
        .quant(2, 2.0, zero=1.0, signed=0)
        .matmul(1, 10)
    )
    (node,) = network_of(net.build()).of_kind(Threshold)
    values = np.arange(-36, 37).reshape(-1, 1, 1, 1)
    expected = np.round(np.clip(values / 2 + 1, 0, 3)) - 1
    np.testing.assert_array_equal(node.compute([values]), expected)


def test_the_input_table_is_the_input_quantiser() -> None:
    (node,) = network_of(small_net().build()).of_kind(InputCodes)
    pixel = np.arange(256, dtype=np.float32) / np.float32(255)
    np.testing.assert_array_equal(node.table, np.clip(np.round((pixel * 2 - 1) * 128), -128, 127))
    assert node.slope_and_offset is None  # 127.5 lies between two pixel values: code 0 is skipped
    net = Net((1, 49), input="pixels")
    net.add("Mul", net.const(255 / 128)).add("Sub", net.const(1.0)).quant(8, 1 / 128)
    (affine,) = network_of(net.matmul(49, 10).build()).of_kind(InputCodes)
    assert affine.slope_and_offset == (1, -128)


def test_a_maximum_in_front_of_a_falling_channel_is_a_minimum_behind_it() -> None:
    net = Net().image_quantiser().conv(3, 4, pad=1)
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Mul", net.const(np.array([1.0, -1, 1, -1]).reshape(1, 4, 1, 1))).quant(3, 40.0)
    network = network_of(net.add("Flatten", axis=1).matmul(64, 10).build())
    (pool,) = network.of_kind(MaxPool)
    assert pool.minimum.tolist() == [False, True, False, True]
    assert isinstance(network.producers[pool.inputs[0]], Threshold)


def test_a_quantiser_behind_a_flatten_is_that_of_its_channels() -> None:
    net = Net().image_quantiser().conv(3, 4, kernel=7).add("Flatten", axis=1).bipolar()
    network = network_of(net.matmul(16, 10).build())
    assert network.of_kind(Threshold)[0].steps.shape == (4, 1)


def test_rows_of_a_dense_layer_follow_the_frame_whatever_the_flatten() -> None:
    for order in ([0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 2, 1]):
        net = Net().image_quantiser().conv(3, 4, kernel=7).batch_norm(4, 99.0).quant(4, 9.0)
        net.add("Transpose", perm=order).add("Reshape", net.const([1, -1], np.int64))
        network_of(net.matmul(16, 10).build(), images=6)


# -- sums of more than 24 bits ------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 12])
def test_wide_accumulators_are_exact(bits: int) -> None:
    net = Net((1, 3, 12, 12)).image_quantiser().conv(3, 64, kernel=3, bits=8, scale=0.02)
    net.batch_norm(64, 300.0).quant(8, 0.1, signed=0)
    net.conv(64, 4, kernel=10, bits=bits, scale=2.0 ** (2 - bits))
    net.add("Flatten", axis=1)
    golden = lower_to_plain_onnx(net.batch_norm(4, 1e4).quant(8, 1.0).matmul(4, 10).build())
    assert golden.layers[1].is_wide and not golden.layers[0].is_wide
    images = random_images(3, golden.image_shape)
    results = GoldenSession(golden).run_with_taps(images, accumulators=True)
    codes = results[golden.taps[1].name].astype(np.int64)
    weights = golden.weights(1).reshape(4, -1)
    exact = codes.reshape(3, -1) @ weights.T
    np.testing.assert_array_equal(results["layer1.accumulator"].reshape(3, 4), exact)
    network_of(net.build())


def test_wide_scores_are_exact() -> None:
    net = Net((1, 3, 32, 32)).image_quantiser().add("Flatten", axis=1)
    net.matmul(3072, 10, bits=8, scale=0.01)
    golden = lower_to_plain_onnx(net.build())
    assert golden.layers[0].is_wide
    images = np.full((1, 32, 32, 3), 255, np.uint8)
    exact = 127 * golden.weights(0).sum(axis=1)
    assert GoldenSession(golden).run(images).astype(np.int64).tolist() == [exact.tolist()]
    network_of(net.build())


def test_accumulators_of_more_than_32_bits_are_refused() -> None:
    net = Net((1, 3, 32, 32)).image_quantiser().add("Flatten", axis=1)
    with pytest.raises(UserError, match=r"accumulators reach \d+; below 2147483648 they have 32"):
        lower_to_plain_onnx(net.matmul(3072, 10, bits=16, scale=1e-4).build())


# -- branches -----------------------------------------------------------------------------------


def two_branches(scales: tuple[float, float], join: str, last: float = 1.0, bits: int = 2) -> Net:
    """An activation, a convolution of it with an activation of its own, and both joined."""
    net = Net((1, 3, 6, 6), seed=5).image_quantiser().conv(3, 4, pad=1).batch_norm(4, 30.0)
    net.quant(bits, scales[0], signed=0)
    skip = net.last
    net.conv(4, 4, pad=1).batch_norm(4, 9.0).quant(bits, scales[1], signed=0)
    node = helper.make_node(join, [net.last, skip], [f"{join}_out"], name=join)
    if join == "Concat":
        node.attribute.append(helper.make_attribute("axis", 1))
    net.nodes.append(node)
    net.last = f"{join}_out"
    return net if join == "Concat" else net.quant(bits, last, signed=0)


def closed(net: Net, channels: int) -> onnx.ModelProto:
    return net.add("Flatten", axis=1).matmul(channels * 36, 10).build()


def test_branches_of_one_scale_add_their_codes() -> None:
    network = network_of(closed(two_branches((0.7, 0.7), "Add", 1.4), 4), images=6)
    (node,) = network.of_kind(Add)
    assert node.factors == (1, 1)
    assert len(network.consumers[node.inputs[1]]) == 2


@pytest.mark.parametrize(("scales", "factors"), [((0.5, 1.0), (2, 1)), ((0.9, 0.6), (2, 3))])
def test_branches_of_two_scales_are_added_with_small_factors(
    scales: tuple[float, float], factors: tuple[int, int]
) -> None:
    network = network_of(closed(two_branches(scales, "Add", 0.5, bits=4), 4), images=6)
    (node,) = network.of_kind(Add)
    by_branch = dict(zip(node.inputs, node.factors, strict=True))
    older = next(name for name in node.inputs if len(network.consumers[name]) == 2)
    newer = next(name for name in node.inputs if name != older)
    found = by_branch[newer], by_branch[older]
    assert found[0] * scales[0] == pytest.approx(found[1] * scales[1], rel=0.2) or found == factors


def test_what_no_factors_can_do_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flow.frontend.pairs.MOST_FACTOR", 0)
    network = network_of(closed(two_branches((0.5, 0.83), "Add", 0.7), 4), images=6)
    (node,) = network.of_kind(PairTable)
    assert node.table.shape == (4, 4)
    monkeypatch.setattr("flow.frontend.pairs.MOST_ENTRIES", 15)
    with pytest.raises(UserError, match=r"no two factors up to .* give both quantisers the same"):
        network_of(closed(two_branches((0.5, 0.83), "Add", 0.7), 4))


def test_concatenated_branches() -> None:
    network = network_of(closed(two_branches((0.7, 0.7), "Concat"), 8), images=6)
    (node,) = network.of_kind(Concat)
    assert network.edges[node.name].shape == (6, 6, 8)


# -- ends and refusals --------------------------------------------------------------------------


def test_a_quantiser_at_the_end_gives_the_scores() -> None:
    net = Net().image_quantiser().add("Flatten", axis=1).matmul(192, 10).quant(6, 12.0)
    network = network_of(net.build())
    assert isinstance(network.nodes[-2], Threshold)
    assert network.scores.scale.tolist() == [12.0] * 10


def test_pixels_may_go_into_the_first_product_as_they_are() -> None:
    model = Net().conv(3, 10, kernel=8).add("Flatten", axis=1).build()
    annotation = onnx.TensorAnnotation(tensor_name="x")
    annotation.quant_parameter_tensor_names.add(key="finn_datatype", value="UINT8")
    model.graph.quantization_annotation.append(annotation)
    network = network_of(model)
    assert not network.of_kind(InputCodes)
    assert network.producers["layer0.accumulator"].inputs == ("images",)


def test_a_constant_activation_is_refused_with_its_reason() -> None:
    """Brevitas writes a QuantReLU of 1 bit as a sign behind a Relu."""
    net = Net().image_quantiser().conv(3, 4, kernel=7).add("Relu").bipolar()
    golden = lower_to_plain_onnx(net.add("Flatten", axis=1).matmul(16, 10).build())
    with pytest.raises(UserError, match=r"gives 1 whatever the image.*QuantReLU of 1 bit"):
        network_from_golden(golden)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda net: net.add("Add", net.const(np.arange(16.0).reshape(1, 4, 2, 2))).bipolar(),
            r"Add has a constant of shape \(1, 4, 2, 2\) that differs inside a channel",
        ),
        (
            lambda net: net.bipolar().add("Reshape", net.const([1, 16, 1, 1], np.int64)),
            "reads a tensor that is no map",
        ),
    ],
)
def test_what_cannot_be_a_network_is_named(change: Callable[[Net], Net], reason: str) -> None:
    net = change(Net().image_quantiser().conv(3, 4, kernel=7))
    channels = 16 if "no map" in reason else 4
    net.conv(channels, 10, kernel=1 if channels == 16 else 2)
    golden = lower_to_plain_onnx(net.add("Flatten", axis=1).build())
    with pytest.raises(UserError, match=reason):
        network_from_golden(golden)


def test_colours_that_are_normalised_apart_become_codes_in_the_driver() -> None:
    net = Net()
    net.add("Sub", net.const(np.array([0.4, 0.5, 0.6]).reshape(3, 1, 1))).quant(8, 1 / 128)
    model = net.conv(3, 10, kernel=8).add("Flatten", axis=1).build()
    golden = lower_to_plain_onnx(model)
    assert (golden.input.kind, golden.input.pictures) == ("codes", True)
    pixels = random_images(4, golden.image_shape)
    images = golden.input.of_pixels(pixels)
    network = network_from_golden(golden)
    assert not compare_with_golden(network, golden, images).difference
    real = golden.input.real_pixels(pixels)
    assert not compare_with_file(model, golden, images, values=real).difference
