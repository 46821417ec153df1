"""The lowered graph computes what the QONNX operators compute, and refuses what it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import Net, random_images, small_net
from numpy.typing import NDArray
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.custom_op.general.intquant import int_quant
from qonnx.transformation.infer_shapes import InferShapes

from flow.errors import UserError
from flow.frontend.golden import GoldenModel, GoldenSession, load_onnx, lower_to_plain_onnx


def qonnx_tensors(model: onnx.ModelProto, image: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Execute the original graph in qonnx on one uint8 image and return all of its tensors."""
    wrapper = ModelWrapper(onnx.ModelProto.FromString(model.SerializeToString()))
    wrapper = wrapper.transform(InferShapes())
    source = wrapper.graph.input[0].name
    x = (image.astype(np.float32) / np.float32(255)).transpose(2, 0, 1)[None]
    x = x.reshape(wrapper.get_tensor_shape(source))
    tensors: dict[str, NDArray[Any]] = execute_onnx(wrapper, {source: x}, True)
    tensors["scores"] = tensors[wrapper.graph.output[0].name]
    return tensors


def assert_equals_qonnx(model: onnx.ModelProto, golden: GoldenModel, images: int = 2) -> None:
    """Compare every tap and the scores bit for bit."""
    pixels = random_images(images, golden.image_shape)
    ours = GoldenSession(golden).run_with_taps(pixels)
    for i in range(images):
        theirs = qonnx_tensors(model, pixels[i])
        for tap in golden.taps:
            real = ours[tap.name][i : i + 1].astype(np.float32) * np.float32(tap.scale)
            np.testing.assert_array_equal(real, theirs[tap.source], err_msg=tap.name)
        real = golden.score_map.real(ours["scores"][i : i + 1])
        np.testing.assert_allclose(real, theirs["scores"], rtol=3e-7)


@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize(("bits", "scale"), [(1, 1.0), (1, 0.25), (2, 0.5), (4, 0.125)])
def test_lowered_net_equals_qonnx_on_every_tap(pad: int, bits: int, scale: float) -> None:
    model = small_net(pad=pad, bits=bits, scale=scale).build()
    assert_equals_qonnx(model, lower_to_plain_onnx(model))


def test_cnv_equals_qonnx_on_every_tap(cnv_path: Path) -> None:
    model = load_onnx(cnv_path)
    golden = lower_to_plain_onnx(model)
    assert (len(golden.taps), len(golden.layers), golden.classes) == (9, 9, 10)
    assert_equals_qonnx(model, golden, images=1)


def test_trained_networks_equal_qonnx_on_every_tap(trained_path: Path) -> None:
    model = load_onnx(trained_path)
    assert_equals_qonnx(model, lower_to_plain_onnx(model), images=1)


def test_lowered_graph_has_standard_operators_only() -> None:
    golden = lower_to_plain_onnx(small_net().build())
    onnx.checker.check_model(golden.onnx_model, full_check=True)
    assert {n.domain for n in golden.onnx_model.graph.node} == {""}
    assert [o.domain for o in golden.onnx_model.opset_import] == [""]


def test_minus_one_padding_pads_with_the_code_minus_one() -> None:
    net = Net().image_quantiser().conv(3, 4).batch_norm(4, 2.0).bipolar()
    pads = net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    net.add("Pad", pads, net.const(-1.0)).conv(4, 4, kernel=8).add("Flatten", axis=1)
    model = net.build((1, 4))
    golden = lower_to_plain_onnx(model)
    assert golden.layers[1].bound == 4 * 64
    assert_equals_qonnx(model, golden)


def test_flat_input_takes_square_images() -> None:
    model = Net((1, 49), input="pixels").image_sign().matmul(49, 10).build()
    golden = lower_to_plain_onnx(model)
    assert golden.image_shape == (7, 7, 1)
    assert_equals_qonnx(model, golden)


def test_a_vector_that_is_no_square_is_no_picture() -> None:
    model = Net((1, 30), input="pixels").image_sign().matmul(30, 10).build()
    with pytest.raises(UserError, match=r'30 values is no square picture.*input = "values"'):
        lower_to_plain_onnx(model)


def test_raw_pixel_annotation_leaves_out_the_division() -> None:
    model = Net((1, 49), input="pixels").matmul(49, 10).build()
    annotation = model.graph.quantization_annotation.add(tensor_name="x")
    annotation.quant_parameter_tensor_names.add(key="finn_datatype", value="UINT8")
    golden = lower_to_plain_onnx(model)
    images = random_images(3, golden.image_shape)
    expected = images.reshape(3, -1).astype(np.int64) @ golden.weights(0).T
    np.testing.assert_array_equal(GoldenSession(golden).run(images), expected)
    assert (golden.taps[0].low, golden.taps[0].high) == (0, 255)


@pytest.mark.parametrize("zero", [0.0, 2.0, -3.0])
@pytest.mark.parametrize(("signed", "narrow"), [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("mode", ["ROUND", "FLOOR", "CEIL"])
def test_quantiser_equals_the_qonnx_operator_for_every_pixel(
    zero: float, signed: int, narrow: int, mode: str
) -> None:
    net = Net((1, 256), input="pixels")
    factor, shift = net.const(3.7), net.const(1.3)
    net.add("Mul", factor).add("Sub", shift)
    net.quant(3, 0.3, zero=zero, signed=signed, narrow=narrow, mode=mode).matmul(256, 10)
    golden = lower_to_plain_onnx(net.build())
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    codes = GoldenSession(golden).run_with_taps(pixels)["input.codes"].astype(np.float32)
    x = pixels.reshape(1, 256).astype(np.float32) / np.float32(255)
    x = x * np.float32(3.7) - np.float32(1.3)
    expected = int_quant(
        x, np.float32(0.3), np.float32(zero), np.float32(3), bool(signed), bool(narrow), mode
    )
    np.testing.assert_array_equal(codes * np.float32(0.3), expected)
    tap = golden.taps[0]
    assert tap.low <= codes.min() and codes.max() <= tap.high


def test_sign_of_zero_and_of_minus_zero_is_plus_one() -> None:
    net = Net((1, 4)).add("Mul", "sign").add("Mul", "zero").bipolar().matmul(4, 10)
    net.initializers += [
        onnx.numpy_helper.from_array(np.array([[1, -1, 1, -1]], np.float32), "sign"),
        onnx.numpy_helper.from_array(np.zeros((1, 4), np.float32), "zero"),
    ]
    golden = lower_to_plain_onnx(net.build())
    images = golden.input.integers(np.array([[1.0, 1.0, 0.0, -0.0]]), "here")
    codes = GoldenSession(golden).run_with_taps(images)["input.codes"]
    assert codes.tolist() == [[1, 1, 1, 1]]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_batch_norm_as_mul_and_add_equals_onnxruntimes_operator(seed: int) -> None:
    import onnxruntime as ort

    net = Net((1, 16), input="pixels", seed=seed).image_sign().matmul(16, 16).batch_norm(16, 4.0)
    model = net.add("Relu").build((1, 16))  # else it is left to the host
    node = next(n for n in model.graph.node if n.op_type == "BatchNormalization")
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "bn",
        [info(node.input[0], 1, ["N", 16])],
        [info(node.output[0], 1, ["N", 16])],
        list(model.graph.initializer),
    )
    alone = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    golden = lower_to_plain_onnx(model)
    images = random_images(17, golden.image_shape, seed % 1000)
    results = GoldenSession(golden).run_with_taps(images, accumulators=True)
    session = ort.InferenceSession(alone.SerializeToString())
    accumulators = results["layer0.accumulator"].astype(np.float32)
    expected = session.run(None, {node.input[0]: accumulators})[0]
    np.testing.assert_array_equal(results["scores"], np.maximum(expected, 0))


def test_weight_scale_per_channel_follows_the_accumulators() -> None:
    scale = np.array([0.5, 2.0, 0.25, 1.0], np.float32)
    net = Net().image_quantiser().conv(3, 4, scale=scale.reshape(4, 1, 1, 1), kernel=8)
    model = net.add("Flatten", axis=1).build((1, 4))
    golden = lower_to_plain_onnx(model)
    assert golden.layers[0].scale == tuple(scale / 128)
    assert_equals_qonnx(model, golden)


def test_accumulators_are_integer_even_where_the_scale_is_not_a_power_of_two() -> None:
    golden = lower_to_plain_onnx(small_net(bits=4, scale=1 / 7).build())
    names = [layer.accumulator for layer in golden.layers]
    session = golden.with_outputs(names)
    from flow.frontend.golden import plain_session

    values = plain_session(session).run(names, {"images": random_images(4, (8, 8, 3))})
    for value in values:
        np.testing.assert_array_equal(value, np.round(value))


def test_saved_golden_model_loads_as_the_same(tmp_path: Path) -> None:
    golden = lower_to_plain_onnx(small_net().build())
    golden.save(tmp_path / "golden.onnx")
    again = GoldenModel.load(tmp_path / "golden.onnx")
    assert (again.taps, again.layers) == (golden.taps, golden.layers)
    images = random_images(2, golden.image_shape)
    np.testing.assert_array_equal(
        GoldenSession(again).run(images), GoldenSession(golden).run(images)
    )


def test_plain_onnx_without_taps_is_not_taken_for_a_golden_model(tmp_path: Path) -> None:
    onnx.save(small_net().build(), str(tmp_path / "net.onnx"))
    with pytest.raises(UserError, match="not a golden model"):
        GoldenModel.load(tmp_path / "net.onnx")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x08\x09"])
def test_file_that_is_not_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(str(path)) + ".*not an ONNX file"):
        load_onnx(path)


def float_weights(net: Net) -> Net:
    weights = net.const(np.ones((4, 3, 3, 3)) * 0.3)
    return net.image_quantiser().add("Conv", weights, kernel_shape=[3, 3])


def difference(net: Net) -> Net:
    net.image_quantiser().conv(3, 3, pad=1).bipolar()
    first = net.last
    return net.conv(3, 3, pad=1).bipolar().add("Sub", first)


REFUSALS: dict[str, tuple[Callable[[Net], Net], str]] = {
    "float weights": (float_weights, r"Conv 'Conv_3': float layer: its weights 'c0'"),
    "float input": (lambda n: n.conv(3, 4), r"Conv 'Conv_1': float layer: its input"),
    "difference of branches": (difference, r"Sub 'Sub_9': .* of branches, only sums are known"),
    "sign": (lambda n: n.image_quantiser().add("Sign"), r"Sign 'Sign_3'.*sign\(0\) = 0"),
    "unknown operator": (lambda n: n.image_quantiser().add("Erf"), r"Erf 'Erf_3'.*supported are"),
    "average": (lambda n: n.add("GlobalAveragePool"), r"GlobalAveragePool '.*put a quantiser in"),
    "scale per channel": (
        lambda n: n.add("BipolarQuant", n.const([[[1.0]], [[2.0]], [[1.0]]]), domain="qonnx"),
        r"BipolarQuant 'BipolarQuant_0': its scale differs between channels",
    ),
    "negative scale": (lambda n: n.bipolar(-1.0), r"its scale is -1\.0; it must be positive"),
    "fractional zero point": (lambda n: n.quant(4, 0.1, zero=0.5), r"Quant 'Quant_0'.*zero point"),
    "rounding": (lambda n: n.quant(4, 0.1, mode="HALF_UP"), r"rounding_mode 'HALF_UP'"),
    "batch transposed": (
        lambda n: n.image_quantiser().add("Transpose", perm=[1, 0, 2, 3]),
        r"Transpose 'Transpose_3'",
    ),
    "batch mixed": (
        lambda n: n.image_quantiser().add("Reshape", n.const([-1, 8], np.int64)),
        r"Reshape 'Reshape_3': .*batch must stay",
    ),
    "pad between codes": (
        lambda n: n.bipolar().add("Pad", n.const([0] * 4 + [0, 0, 1, 1], np.int64), n.const(0.5)),
        r"Pad 'Pad_1': pad value 0\.5 is no multiple",
    ),
    "weights finer than channels": (
        lambda n: n.bipolar().conv(3, 2, scale=np.arange(1, 4).reshape(1, 3, 1, 1)),
        r"Conv 'Conv_2': its weight scale differs inside",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_unsupported_graph_is_refused_by_node_and_reason(name: str) -> None:
    make, message = REFUSALS[name]
    with pytest.raises(UserError, match=message):
        lower_to_plain_onnx(make(Net()).build(None))


def test_dynamic_height_is_refused() -> None:
    model = Net((1, 3, "height", 8)).image_quantiser().conv(3, 4).build(None)
    with pytest.raises(UserError, match="input 'x' has a dynamic shape"):
        lower_to_plain_onnx(model)


def test_open_batch_dimension_is_accepted() -> None:
    net = Net(("batch", 49), input="pixels").image_sign().matmul(49, 10)
    golden = lower_to_plain_onnx(net.build(("batch", 10)))
    assert GoldenSession(golden).run(random_images(5, (7, 7, 1))).shape == (5, 10)


def test_accumulators_beyond_exact_float32_are_refused() -> None:
    net = Net((1, 1, 55, 20)).quant(16, 2.0**-15).add("Flatten", axis=1).matmul(1100, 10)
    with pytest.raises(
        UserError, match=r"adds 1100 inputs of up to 32768; float32 is exact below 16777216"
    ):
        lower_to_plain_onnx(net.build())


def test_two_scores_outputs_are_refused() -> None:
    model = small_net().build()
    model.graph.output.append(model.graph.output[0])
    with pytest.raises(UserError, match="exactly one output"):
        lower_to_plain_onnx(model)
