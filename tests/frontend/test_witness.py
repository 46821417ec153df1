"""The witness agrees with a right golden model, and names the tap where a wrong one differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from nets import Net, mixed_net, padded_net, random_images, small_net
from onnx import numpy_helper

from flow.data.input_values import random_inputs
from flow.frontend.exact import exact
from flow.frontend.execution import Execution
from flow.frontend.golden import GoldenModel, GoldenSession, load_onnx, lower_to_plain_onnx
from flow.frontend.witness import ALLOWED_ULP, WitnessReport, compare_with_file


def look(
    model: onnx.ModelProto, golden: GoldenModel | None = None, count: int = 3
) -> WitnessReport:
    golden = lower_to_plain_onnx(model) if golden is None else golden
    images, values = random_inputs(golden.input, count, np.random.default_rng(7))
    return compare_with_file(model, golden, images, values=values)


def test_trained_networks_agree_in_every_code(trained_path: Path) -> None:
    report = look(load_onnx(trained_path))
    assert report.agrees, report.difference
    assert (report.images, report.near_boundary) == (3, 0)
    assert report.codes > 100_000


@pytest.mark.parametrize("seed", range(4))
def test_networks_of_several_bits_agree(seed: int) -> None:
    report = look(mixed_net(seed).build())
    assert report.agrees, report.difference


@pytest.mark.parametrize("batch", [4, "N"])
def test_files_with_a_batch_of_their_own_are_executed_as_they_are(batch: int | str) -> None:
    net = Net((batch, 3, 8, 8)).image_quantiser().conv(3, 8, pad=1).batch_norm(8, 3.0).bipolar()
    rows = 4 if batch == 4 else 0
    net.add("Reshape", net.const([rows, 512], np.int64)).matmul(512, 10)
    report = look(net.build((batch, 10)), count=6)
    assert report.agrees, report.difference
    assert report.codes == 6 * (3 * 64 + 512 + 10)  # what fills the second batch is not counted


def test_raw_pixels_and_flat_vectors_are_read_as_golden_reads_them() -> None:
    model = Net((1, 48), input="pixels").matmul(48, 10, bits=4, scale=0.3).build()
    annotation = model.graph.quantization_annotation.add(tensor_name="x")
    annotation.quant_parameter_tensor_names.add(key="finn_datatype", value="UINT8")
    for annotated in (model, Net((1, 48), input="pixels").image_sign().matmul(48, 10).build()):
        report = look(annotated)
        assert report.agrees, report.difference


def initializer(golden: GoldenModel, name: str) -> onnx.TensorProto:
    return next(t for t in golden.onnx_model.graph.initializer if t.name == name)


def change(tensor: onnx.TensorProto, index: int, value: Callable[[float], float]) -> None:
    array = numpy_helper.to_array(tensor).copy()
    array.reshape(-1)[index] = value(array.reshape(-1)[index])
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def flip_weight(golden: GoldenModel) -> None:
    change(initializer(golden, "layer1.weights"), 5, lambda w: -w)


def move_step(golden: GoldenModel) -> None:
    """Add the real value of one accumulator to one channel's shift of the BatchNormalization."""
    adds = [n for n in golden.onnx_model.graph.node if n.op_type == "Add"]
    factors = [n for n in golden.onnx_model.graph.node if n.op_type == "Mul"]
    factor = numpy_helper.to_array(initializer(golden, factors[-1].input[1])).reshape(-1)[2]
    change(initializer(golden, adds[-1].input[1]), 2, lambda b: b + factor)


def pad_with_the_other(golden: GoldenModel) -> None:
    pad = next(n for n in golden.onnx_model.graph.node if n.op_type == "Pad")
    change(initializer(golden, pad.input[2]), 0, lambda v: -v)


def pad_with_zero(golden: GoldenModel) -> None:
    """Leave out the Pad of -1 and let the convolution pad with 0."""
    graph = golden.onnx_model.graph
    pad = next(n for n in graph.node if n.op_type == "Pad")
    conv = next(n for n in graph.node if pad.output[0] in n.input)
    conv.input[0] = pad.input[0]
    pads = next(a for a in conv.attribute if a.name == "pads")
    pads.ints[:] = [1, 1, 1, 1]
    graph.node.remove(pad)


def round_down(golden: GoldenModel) -> None:
    [n for n in golden.onnx_model.graph.node if n.op_type == "Round"][-1].op_type = "Floor"


PLANTED: dict[str, tuple[Net, Callable[[GoldenModel], None], str]] = {
    "weight": (padded_net(0), flip_weight, "layer1.codes"),
    "step": (small_net(bits=4, scale=0.25), move_step, "layer1.codes"),
    "padding sign": (padded_net(-1), pad_with_the_other, "layer1.codes"),
    "padding zero": (padded_net(-1), pad_with_zero, "layer1.codes"),
    "rounding mode": (mixed_net(), round_down, "layer4.codes"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_error_is_found_where_it_is(name: str) -> None:
    net, plant, tap = PLANTED[name]
    model = net.build()
    golden = lower_to_plain_onnx(model)
    plant(golden)
    report = look(model, golden, count=8)
    assert report.difference.startswith(f"{tap} ("), report.difference
    assert "golden's code is" in report.difference


def test_one_code_of_one_image_is_named_with_its_place() -> None:
    model = small_net().build()
    golden = lower_to_plain_onnx(model)
    images = random_images(5, golden.image_shape)
    found = GoldenSession(golden).run_with_taps(images)
    codes = found["layer0.codes"].copy()
    codes[3, 1, 2, 4] *= -1
    report = compare_with_file(model, golden, images, found={**found, "layer0.codes": codes})
    ours = codes[3, 1, 2, 4]
    expected = f"image 3, at (1, 2, 4): golden's code is {ours}, the file's {-ours}; real value"
    assert expected in report.difference


def test_wrong_scale_and_wrong_scores_are_named() -> None:
    model = small_net(bits=4, scale=0.3).build()
    golden = lower_to_plain_onnx(model)
    taps = tuple(replace(t, scale=float(np.nextafter(np.float32(t.scale), 9))) for t in golden.taps)
    assert "no multiple of golden's scale" in look(model, replace(golden, taps=taps)).difference
    means = golden.score_map
    wider = tuple(scale * (1 + 1e-5) for scale in means.scale)
    scaled = replace(golden, score_map=means._replace(scale=wider))
    assert look(model, scaled).difference.startswith("scores (")
    shifted = replace(golden, score_map=means._replace(offset=(1.0,) * golden.classes))
    assert look(model, shifted).difference.startswith("scores (")


def halves(shift: float = 0.0, scale: float = 0.1) -> Net:
    """Every second value in front of the rounding is a half: scales 0.1 * 0.1 against 0.02."""
    net = Net((1, 16, 4, 4), seed=3).quant(4, scale, signed=0)
    net.conv(16, 8, pad=1, scale=scale, bits=4)
    if shift:
        net.add("Add", net.const(shift))
    net.quant(8, 2 * scale**2, signed=1)
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(128, 10)


def test_values_on_a_boundary_are_counted_and_are_no_failure() -> None:
    report = look(halves().build(), count=20)
    assert report.agrees, report.difference
    assert report.near_boundary > 10
    assert 0 < report.widest_ulp < ALLOWED_ULP / 2


def test_where_nothing_rounds_a_half_has_one_code() -> None:
    model = halves(scale=0.125).build()
    report = look(model, count=20)
    assert (report.agrees, report.near_boundary) == (True, 0)
    golden = lower_to_plain_onnx(model)
    rounding = [n for n in golden.onnx_model.graph.node if n.op_type == "Round"][-1]
    half = golden.onnx_model.graph.node.add(op_type="Add", output=["half"])
    half.input[:] = [rounding.input[0], "a_half"]
    tensor = numpy_helper.from_array(np.array(0.5, np.float32), "a_half")
    golden.onnx_model.graph.initializer.append(tensor)
    rounding.op_type, rounding.input[0] = "Floor", "half"
    nodes = list(golden.onnx_model.graph.node)
    nodes.insert(nodes.index(rounding), nodes.pop())
    golden.onnx_model.graph.ClearField("node")
    golden.onnx_model.graph.node.extend(nodes)
    assert "but nothing is rounded on the way to it" in look(model, golden, count=20).difference


@pytest.mark.parametrize(("above", "agrees"), [(2e-6, True), (1e-4, False)])
def test_a_code_more_than_4_ulp_from_its_boundary_is_a_failure(above: float, agrees: bool) -> None:
    """Golden rounds the halves down, the file has them `above` a half; 4 ulp are 7e-6 to 2e-5."""
    golden = lower_to_plain_onnx(halves(1 - 1e-3).build())
    report = look(halves(1 + above).build(), golden, count=20)
    assert report.agrees == agrees, report.difference
    assert agrees or "ulp from golden's code, 4 are allowed" in report.difference


def test_float64_values_are_used_only_where_rounding_explains_the_difference() -> None:
    model = mixed_net().build()
    execution = Execution(model)
    image = np.random.default_rng(2).random((1, 3, 8, 8), np.float32)
    context = execution.run(image, lambda name, node, context: None)
    conv = next(n.output[0] for n in execution.nodes if n.op_type == "Conv")
    found = exact(execution, conv, context, {"n2": np.zeros(context["n2"].shape, bool)})
    assert found.terms == 27
    computed = context[conv]
    np.testing.assert_array_equal(found.refined(computed), found.value)
    wrong = computed + np.float32(1e-2)
    np.testing.assert_array_equal(found.refined(wrong), wrong)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize(
    ("kernel", "strides"), [((2, 3), (2, 1)), ((3, 2), (2, 2)), ((1, 1), (2, 3))]
)
def test_padding_by_name_is_evaluated_as_onnxruntime_does(
    auto_pad: str, kernel: tuple[int, int], strides: tuple[int, int]
) -> None:
    net = Net((1, 3, 5, 8)).image_quantiser()
    weights = net.const(net.rng.integers(-3, 4, (4, 3, *kernel)))
    net.add("Conv", weights, kernel_shape=kernel, strides=strides, auto_pad=auto_pad)
    execution = Execution(net.build(None))
    image = np.random.default_rng(2).random((1, 3, 5, 8), np.float32)
    context = execution.run(image, lambda name, node, context: None)
    found = exact(execution, net.last, context, {"n2": np.zeros((1, 3, 5, 8), bool)})
    np.testing.assert_array_equal(found.value, context[net.last])
    assert not found.rounded.any()
