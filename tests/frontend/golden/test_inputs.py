"""What an input is, by shape, type and settings; its steps are where golden's own code changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from nets import Net
from onnx import TensorProto

from flow.data.input_values import random_inputs
from flow.errors import UserError
from flow.frontend.compare import compare_with_golden
from flow.frontend.execution import Execution
from flow.frontend.golden import GoldenModel, lower_to_plain_onnx
from flow.frontend.golden.input_settings import InputSettings, set_input_settings
from flow.frontend.to_network import network_from_golden
from flow.frontend.witness import compare_with_file


def per_channel(net: Net, values: list[float]) -> str:
    return net.const(np.array(values, np.float32).reshape(1, -1, *[1] * (len(net.input_shape) - 2)))


def plain(net: Net) -> Net:
    return net.quant(4, 0.37)


def with_zero_point(net: Net) -> Net:
    return net.quant(5, 0.1, zero=7.0, signed=0)


def two_bits_rounded_down(net: Net) -> Net:
    return net.add("Add", net.const(0.3)).quant(2, 1.7, mode="FLOOR")


def normalised(net: Net) -> Net:
    net.add("Sub", per_channel(net, [0.1, -88.0, 25.0]))
    return net.add("Div", per_channel(net, [0.3, 40.0, -7.0])).quant(3, 0.5, narrow=1)


def clipped(net: Net) -> Net:
    return net.add("Clip", net.const(-1.0), net.const(0.9)).quant(8, 1 / 100, mode="CEIL")


def signs(net: Net) -> Net:
    return net.add("Mul", per_channel(net, [1.0, -2.0, 0.5])).add("Add", net.const(0.25)).bipolar()


FRONTS = (plain, with_zero_point, two_bits_rounded_down, normalised, clipped, signs)


def vector(front: Callable[[Net], Net]) -> onnx.ModelProto:
    return front(Net((1, 3))).matmul(3, 10).build()


def lowered(front: Callable[[Net], Net]) -> tuple[onnx.ModelProto, GoldenModel]:
    model = vector(front)
    return model, lower_to_plain_onnx(model)


def codes_of_the_file(model: onnx.ModelProto, rows: np.ndarray, scale: float) -> np.ndarray:
    """Return what qonnx's own quantiser gives for inputs (N, 3), in units of its scale."""
    quantiser = next(n for n in model.graph.node if "Quant" in n.op_type)
    execution = Execution(model)
    found = [
        execution.run(row[None], lambda name, node, context: None)[quantiser.output[0]]
        for row in rows
    ]
    return np.rint(np.concatenate(found) / np.float32(scale))


@pytest.mark.parametrize("front", FRONTS)
def test_the_code_changes_exactly_at_each_step(front: Callable[[Net], Net]) -> None:
    model, golden = lowered(front)
    rule = golden.input
    assert rule.kind == "codes" and rule.steps is not None and rule.falling is not None
    (tap,) = [tap for tap in golden.taps if tap.name == "input.codes"]
    channels = np.arange(3) if len(rule.steps) > 1 else np.zeros(3, int)
    steps = rule.steps[channels]
    turned = np.where(rule.falling[channels], -1, 1).astype(np.float32)
    inner = np.isfinite(steps) & (np.abs(steps) < 3e38)
    assert inner.any()
    at = np.where(inner, steps, 0).astype(np.float32)
    below = np.nextafter(at, np.float32(-np.inf))
    for k in range(steps.shape[1]):
        both = np.stack([at[:, k] * turned, below[:, k] * turned])
        file_codes = codes_of_the_file(model, both, tap.scale)
        ours = rule.integers(both, "x")[:, 0, 0].astype(int)
        ours = tap.low + tap.step * (ours - rule.low)
        np.testing.assert_array_equal(ours, file_codes)
        changes = inner[:, k]
        assert (ours[0, changes] > ours[1, changes]).all()


@pytest.mark.parametrize("front", FRONTS)
def test_witness_and_network_agree_on_random_values(front: Callable[[Net], Net]) -> None:
    model, golden = lowered(front)
    images, values = random_inputs(golden.input, 40, np.random.default_rng(3))
    report = compare_with_file(model, golden, images, values=values)
    assert report.agrees, report.difference
    assert report.near_boundary == 0
    assert not compare_with_golden(network_from_golden(golden), golden, images).difference
    levels = golden.input.high - golden.input.low + 1
    assert len(np.unique(images)) >= min(levels, 30)


@pytest.mark.parametrize(
    ("shape", "settings", "kind", "frame"),
    [
        ((1, 3, 4, 4), {}, "pixels", (4, 4, 3)),
        ((1, 1, 4, 5), {}, "pixels", (4, 5, 1)),
        ((1, 4, 4, 5), {}, "codes", (4, 5, 4)),
        ((1, 2, 20), {}, "codes", (1, 20, 2)),
        ((1, 36), {}, "codes", (1, 1, 36)),
        ((1, 36), {"kind": "pixels"}, "pixels", (6, 6, 1)),
        ((1, 3, 4, 4), {"kind": "values"}, "codes", (4, 4, 3)),
        ((1, 3, 4, 4), {"mean": (0.5,) * 3, "std": (0.2,) * 3}, "pixels", (4, 4, 3)),
        ((1, 3, 4, 4), {"mean": (0.5, 0.4, 0.3), "std": (0.2,) * 3}, "codes", (4, 4, 3)),
    ],
)
def test_what_an_input_is_follows_from_shape_and_settings(
    shape: tuple[int, ...], settings: dict, kind: str, frame: tuple[int, int, int]
) -> None:
    net = Net(shape).quant(8, 1 / 64)
    model = net.add("Flatten", axis=1).matmul(int(np.prod(shape)), 10).build()
    set_input_settings(model, InputSettings(**settings))
    golden = lower_to_plain_onnx(model)
    assert (golden.input.kind, golden.input.shape) == (kind, frame)
    images, values = random_inputs(golden.input, 3, np.random.default_rng(1))
    assert not compare_with_file(model, golden, images, values=values).difference
    if golden.input.pictures:
        pixels = np.random.default_rng(2).integers(0, 256, (3, *frame), np.uint8)
        images, values = golden.input.of_pixels(pixels), golden.input.real_pixels(pixels)
        assert not compare_with_file(model, golden, images, values=values).difference


@pytest.mark.parametrize(("datatype", "ends"), [("INT8", (-128, 127)), ("UINT4", (0, 15))])
def test_annotated_integers_go_in_as_they_are(datatype: str, ends: tuple[int, int]) -> None:
    model = Net((1, 2, 6)).add("Flatten", axis=1).matmul(12, 10).build()
    annotation = model.graph.quantization_annotation.add(tensor_name="x")
    annotation.quant_parameter_tensor_names.add(key="finn_datatype", value=datatype)
    golden = lower_to_plain_onnx(model)
    rule = golden.input
    assert (rule.kind, rule.low, rule.high, rule.pictures) == ("integers", *ends, False)
    images, _ = random_inputs(rule, 5, np.random.default_rng(1))
    assert not compare_with_file(model, golden, images).difference
    assert not compare_with_golden(network_from_golden(golden), golden, images).difference


def test_a_tensor_of_int8_is_read_as_it_is() -> None:
    net = Net((1, 12)).add("Cast", to=TensorProto.FLOAT)
    model = net.quant(8, 1.0).matmul(12, 10).build()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    golden = lower_to_plain_onnx(model)
    assert (golden.input.kind, golden.input.low) == ("integers", -128)
    images, _ = random_inputs(golden.input, 5, np.random.default_rng(1))
    assert not compare_with_file(model, golden, images).difference
    assert not compare_with_golden(network_from_golden(golden), golden, images).difference


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda: Net((1, 4, 6, 6)).add("MaxPool", kernel_shape=[2, 2]).quant(8, 0.1),
            "MaxPool .*reads them before a quantiser does",
        ),
        (lambda: Net((1, 4, 6, 6)).quant(12, 0.1), "codes go from -2048 to 2047.*8 bits at most"),
    ],
)
def test_values_that_no_quantiser_takes_are_refused(make: Callable[[], Net], reason: str) -> None:
    model = make().add("Flatten", axis=1).matmul(4, 10).build(None)
    with pytest.raises(UserError, match=reason):
        lower_to_plain_onnx(model)


def test_mean_and_std_are_for_pixels_only() -> None:
    model = vector(plain)
    set_input_settings(model, InputSettings("auto", (0.5,), (0.5,)))
    with pytest.raises(UserError, match=r"mean and std: 1 numbers for an input of 3 channels"):
        lower_to_plain_onnx(model)


@pytest.mark.parametrize("first", [True, False])
def test_a_file_with_channels_last_is_fed_as_it_is(first: bool) -> None:
    net = Net((1, 5, 6, 4))
    net = net.add("Transpose", perm=[0, 3, 1, 2]).quant(4, 0.3) if first else net.quant(4, 0.3)
    net = net if first else net.add("Transpose", perm=[0, 3, 1, 2])
    model = (
        net.conv(4, 8, kernel=3).batch_norm(8).quant(2, 1.0).add("Flatten", axis=1).matmul(96, 10)
    )
    proto = model.build()
    golden = lower_to_plain_onnx(proto)
    assert (golden.input.shape, golden.input.channels_last) == ((5, 6, 4), True)
    images, values = random_inputs(golden.input, 4, np.random.default_rng(1))
    assert not compare_with_file(proto, golden, images, values=values).difference
    assert not compare_with_golden(network_from_golden(golden), golden, images).difference
