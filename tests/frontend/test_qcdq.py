"""QCDQ files: QuantizeLinear, Clip and DequantizeLinear in place of QONNX's quantisers."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fuzz.check import JUDGES, Case, some_inputs
from fuzz.draw import draw
from nets import Net
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from flow.check.survey import reasons, survey
from flow.cli import app
from flow.errors import UserError
from flow.frontend.golden import GoldenSession, load_onnx, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.frontend.witness import compare_with_file
from flow.network import Network, Threshold


def judged(model: onnx.ModelProto) -> Case:
    """Return the case of a file on which every judge agrees."""
    golden = lower_to_plain_onnx(model)
    images, values = some_inputs(golden.input, 3)
    found = GoldenSession(golden).run_with_taps(images)
    case = Case(draw(0), model, golden, images, values, found)
    assert len(np.unique(case.found["scores"])) > 1
    assert {name: judge(case) for name, judge in JUDGES.items()} == dict.fromkeys(JUDGES, "")
    assert compare_with_file(model, golden, images).executor == "onnxruntime"
    assert reasons(survey(model)) == []
    return case


def contents(network: Network) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and fields of each node, names replaced by positions."""
    places = {node.name: k for k, node in enumerate(network.nodes)} | {network.input: -1}
    found = []
    for node in network.nodes:
        fields = {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
        fields["inputs"] = tuple(places[name] for name in fields["inputs"])
        del fields["name"]
        plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in fields.items()}
        found.append((node.kind, plain))
    return found


# -- Brevitas ---------------------------------------------------------------------------------


def brevitas_cnv(bits: int, *, per_channel: bool) -> Any:
    """CNV's layers, 4 to 16 channels wide, weights and activations of `bits` bits."""
    import brevitas.nn as qnn
    import torch
    from brevitas.quant import Int32Bias, Uint8ActPerTensorFloatMaxInit
    from torch import nn

    torch.manual_seed(bits)
    weights = {"weight_bit_width": bits, "weight_scaling_per_output_channel": per_channel}
    relu = {"act_quant": Uint8ActPerTensorFloatMaxInit, "max_val": 2.0, "bit_width": bits}
    layers: list[Any] = [qnn.QuantIdentity(bit_width=8)]
    inputs = 3
    for number, stack in enumerate(((4, 4), (8, 8), (16, 16))):
        for outputs in stack:
            layers.append(qnn.QuantConv2d(inputs, outputs, 3, bias=False, **weights))
            layers += [nn.BatchNorm2d(outputs, momentum=None), qnn.QuantReLU(**relu)]
            inputs = outputs
        layers += [nn.MaxPool2d(2)] * (number < 2)
    # A bias takes its scale from its input, which therefore tells its own.
    layers[-1].return_quant_tensor = True
    layers += [nn.Flatten(), qnn.QuantLinear(16, 12, bias=True, bias_quant=Int32Bias, **weights)]
    layers += [nn.BatchNorm1d(12, momentum=None), qnn.QuantReLU(**relu)]
    layers.append(qnn.QuantLinear(12, 10, bias=False, weight_bit_width=bits))
    model = nn.Sequential(*layers).train()
    with torch.no_grad():
        model(torch.rand(16, 3, 32, 32))  # scales and means follow from some images
    return model.eval()


def exported(model: Any, folder: Path, kind: str) -> onnx.ModelProto:
    import torch
    from brevitas.export import export_onnx_qcdq

    from flow.models.export import export_qonnx

    path = folder / f"{kind}.onnx"
    if kind == "qonnx":
        return load_onnx(export_qonnx(model, path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_onnx_qcdq(model, torch.zeros(1, 3, 32, 32), str(path), dynamo=False)
    return load_onnx(path)


@pytest.mark.parametrize(("bits", "per_channel"), [(2, False), (3, True)])
def test_a_cnv_of_brevitas_is_the_same_network_as_qonnx_and_as_qcdq(
    bits: int, per_channel: bool, tmp_path: Path
) -> None:
    model = brevitas_cnv(bits, per_channel=per_channel)
    qonnx, qcdq = (exported(model, tmp_path, kind) for kind in ("qonnx", "qcdq"))
    assert {n.op_type for n in qcdq.graph.node} >= {"QuantizeLinear", "DequantizeLinear"}
    assert {n.op_type for n in qonnx.graph.node} >= {"Quant"}
    case = judged(qcdq)
    theirs = network_from_golden(lower_to_plain_onnx(qonnx))
    assert contents(case.network) == contents(theirs)
    assert len(theirs.of_kind(Threshold)) == 7


# -- onnxruntime ------------------------------------------------------------------------------


class Calibration:
    """Some images in the form that onnxruntime's quantiser reads."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        rng = np.random.default_rng(1)
        self._left = iter([{"x": rng.random(shape, np.float32)} for _ in range(6)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._left, None)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self._left


def small_cnn() -> onnx.ModelProto:
    """A float network: two convolutions with biases, Relu, ReLU6, a pool, one dense layer."""
    net = Net((1, 3, 8, 8), seed=4)
    draw_weights = lambda *shape: net.const(net.rng.normal(0, 0.3, shape))  # noqa: E731
    pads = {"kernel_shape": [3, 3], "pads": [1] * 4}
    net.add("Conv", draw_weights(6, 3, 3, 3), draw_weights(6), **pads).add("Relu")
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Conv", draw_weights(8, 6, 3, 3), draw_weights(8), kernel_shape=[3, 3])
    net.add("Clip", net.const(0.0), net.const(6.0)).add("Flatten", axis=1)
    return net.add("Gemm", draw_weights(10, 32), draw_weights(10), transB=1).build()


def quantised(folder: Path, **options: Any) -> onnx.ModelProto:
    """Return the file that onnxruntime's quantize_static makes of the small network."""
    from onnxruntime.quantization import QuantFormat, quantize_static

    onnx.save(small_cnn(), str(folder / "float.onnx"))
    paths = (str(folder / "float.onnx"), str(folder / "qdq.onnx"))
    reader = Calibration((1, 3, 8, 8))
    quantize_static(*paths, reader, quant_format=QuantFormat.QDQ, **options)
    return load_onnx(folder / "qdq.onnx")


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("kind", ["QInt8", "QUInt8"])
def test_a_file_of_quantize_static_is_exact(kind: str, per_channel: bool, tmp_path: Path) -> None:
    from onnxruntime.quantization import QuantType

    chosen = getattr(QuantType, kind)
    options = {"activation_type": chosen, "weight_type": chosen, "per_channel": per_channel}
    case = judged(quantised(tmp_path, **options))
    stored = {numpy_helper.to_array(t).dtype.name for t in case.model.graph.initializer}
    assert {"int32", kind[1:].lower()} <= stored  # biases, and weights
    assert [node.kind for node in case.network.nodes if node.kind == "Threshold"] == [
        "Threshold"
    ] * 3


def test_a_file_of_quantize_static_is_inspected_and_built(tmp_path: Path) -> None:
    quantised(tmp_path)
    path = str(tmp_path / "qdq.onnx")
    inspected = CliRunner().invoke(app, ["inspect", path, "--quick"])
    assert inspected.exit_code == 0, inspected.output
    options = ["--board", "ZCU104", "--model", path, "--build-dir", str(tmp_path / "build")]
    built = CliRunner().invoke(app, ["build", *options, "--to", "network"])
    assert built.exit_code == 0, built.output
    assert "onnxruntime's execution of the file agrees" in built.output


# -- operators --------------------------------------------------------------------------------


@dataclasses.dataclass
class Qcdq(Net):
    """Appends QuantizeLinear, Clip and DequantizeLinear."""

    def q(self, scale: Any, zero: int = 0, dtype: Any = np.uint8, **attributes: Any) -> Qcdq:
        zeros = np.full(np.shape(scale), zero)
        self.add("QuantizeLinear", self.const(scale), self.const(zeros, dtype), **attributes)
        return self

    def dq(self, scale: Any, zero: int = 0, dtype: Any = np.uint8, **attributes: Any) -> Qcdq:
        zeros = np.full(np.shape(scale), zero)
        self.add("DequantizeLinear", self.const(scale), self.const(zeros, dtype), **attributes)
        return self

    def clip(self, low: int, high: int, dtype: Any = np.uint8) -> Qcdq:
        self.add("Clip", self.const(low, dtype), self.const(high, dtype))
        return self

    def stored(self, shape: tuple[int, ...], scale: Any, zero: int = 0, **attributes: Any) -> str:
        """Return weights of 4 bits that are stored as int8."""
        codes = self.rng.integers(-7, 8, shape)
        zeros = np.full(np.shape(scale), zero)
        inputs = [self.const(codes, np.int8), self.const(scale), self.const(zeros, np.int8)]
        output = f"w{len(self.nodes)}"
        self.nodes.append(
            helper.make_node("DequantizeLinear", inputs, [output], output, **attributes)
        )
        return output


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("zero", [0, 3, 100])
@pytest.mark.parametrize("bounds", [None, (2, 9), (0, 1)])
def test_codes_are_those_of_onnxruntime_for_every_pixel(
    dtype: Any, zero: int, bounds: tuple[int, int] | None
) -> None:
    import onnxruntime as ort

    net = Qcdq((1, 1, 16, 16))
    net.add("Flatten", axis=1).add("Mul", net.const(3.7)).add("Sub", net.const(1.3))
    net.q(0.021, zero, dtype)
    if bounds:
        net.clip(*bounds, dtype)
    net.dq(0.021, zero, dtype)
    file = net.build((1, 256))
    net.add("MatMul", net.stored((256, 10), 0.5))
    golden = lower_to_plain_onnx(net.build())
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    codes = GoldenSession(golden).run_with_taps(pixels)["input.codes"].astype(np.float32)
    session = ort.InferenceSession(file.SerializeToString())
    x = pixels.reshape(1, 1, 16, 16).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(codes * np.float32(0.021), session.run(None, {"x": x})[0])
    tap = golden.taps[0]
    assert tap.low <= codes.min() and codes.max() <= tap.high


def test_weights_with_zero_points_and_scales_for_each_channel_are_folded() -> None:
    net = Qcdq((1, 3, 6, 6))
    net.q(1 / 255).dq(1 / 255)
    scales = np.array([0.1, 0.25, 0.3, 0.7], np.float32)
    net.add("Conv", net.stored((4, 3, 3, 3), scales, 2, axis=0), kernel_shape=[3, 3])
    net.add("Relu").q(0.4).clip(0, 7).dq(0.4).add("Flatten", axis=1)
    net.add("MatMul", net.stored((64, 10), 0.5))
    case = judged(net.build())
    np.testing.assert_allclose(case.golden.layers[0].scale, scales * np.float32(1 / 255))
    stored = numpy_helper.to_array(net.initializers[4]).astype(np.int64)
    np.testing.assert_array_equal(case.golden.weights(0), stored - 2)


def test_two_readers_with_a_dequantizer_each_read_one_edge() -> None:
    net = Qcdq((1, 3, 6, 6))
    net.q(1 / 255).dq(1 / 255)
    net.add("Conv", net.stored((4, 3, 3, 3), 0.1), kernel_shape=[3, 3], pads=[1] * 4)
    integers = net.q(0.3).last
    branches = []
    for _ in range(2):
        net.last = integers
        branches.append(net.dq(0.3).last)
    net.last = branches[0]
    net.add("Add", branches[1]).q(0.6).dq(0.6).add("Flatten", axis=1)
    golden = lower_to_plain_onnx(net.add("MatMul", net.stored((144, 10), 0.5)).build())
    network = network_from_golden(golden)
    assert len(network.of_kind(Threshold)) == 2
    images = some_inputs(golden.input, 1)[0]
    assert compare_with_file(net.build(), golden, images).agrees


def test_a_uint8_input_may_be_dequantized_at_once() -> None:
    net = Qcdq((1, 3, 6, 6))
    net.dq(1 / 128, 128).add("Conv", net.stored((4, 3, 6, 6), 0.1), kernel_shape=[6, 6])
    model = net.add("Flatten", axis=1).build((1, 4))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    case = judged(model)
    assert [(tap.low, tap.high) for tap in case.golden.taps] == [(-128, 127)]


def quantised_input(net: Qcdq) -> Qcdq:
    return net.q(1 / 255).dq(1 / 255)


def dynamically_quantised(net: Qcdq) -> Qcdq:
    outputs = ["q", "scale", "zero"]
    net.nodes.append(helper.make_node("DynamicQuantizeLinear", [net.last], outputs, "D"))
    net.last = "q"
    return net


REFUSALS: dict[str, tuple[Callable[[Qcdq], Net], str]] = {
    "scale of each channel": (
        lambda n: n.q([0.1, 0.2, 0.1], axis=1),
        r"QuantizeLinear 'QuantizeLinear_0': its scale differs between channels",
    ),
    "operator between": (
        lambda n: n.q(0.1).add("MaxPool", kernel_shape=[2, 2]),
        r"MaxPool 'MaxPool_1': .*only Clip may stand, so put it behind DequantizeLinear",
    ),
    "nothing quantised": (lambda n: n.dq(0.1), r"DequantizeLinear_0': its input holds no integers"),
    "empty range": (lambda n: n.q(0.1).clip(3, 3), r"Clip_1': it leaves one code at most"),
    "blocks of weights": (
        lambda n: quantised_input(n).add("Conv", n.stored((4, 3, 3, 3), 0.1, block_size=3)),
        r"DequantizeLinear 'w2': its scale differs inside an output channel",
    ),
    "scale of rows that are no channels": (
        lambda n: quantised_input(n).add(
            "Conv", n.stored((4, 3, 3, 3), [0.1, 0.2, 0.1], axis=1), kernel_shape=[3, 3]
        ),
        r"Conv 'Conv_3': its weight scale differs inside an output channel",
    ),
    "integer operators": (
        lambda n: n.q(0.1).add("ConvInteger", n.const(np.ones((4, 3, 3, 3)), np.uint8)),
        r"ConvInteger 'ConvInteger_1': .*write the file in QDQ format",
    ),
    "dynamic": (dynamically_quantised, r"DynamicQuantizeLinear 'D': .*quantise statically"),
    "Microsoft's domain": (
        lambda n: n.add("QuantizeLinear", n.const(0.1), domain="com.microsoft"),
        r"of the domain com\.microsoft; export it with ONNX's own operators",
    ),
    "FINN-ONNX": (
        lambda n: n.add("MultiThreshold", n.const([[1.0]]), domain="finn.custom_op.general"),
        r"MultiThreshold 'MultiThreshold_0': this is a FINN-ONNX file; export the network as QONNX",
    ),
    "integers at the end": (
        lambda n: (
            quantised_input(n)
            .add("Conv", n.stored((4, 3, 8, 8), 0.1), kernel_shape=[8, 8])
            .add("Flatten", axis=1)
            .add("QuantizeLinear", n.const(0.1))
        ),
        r"output 'n5' holds the integers of a QuantizeLinear; let the file end with its Dequantize",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_not_exact_is_refused_by_node_and_reason(name: str) -> None:
    make, message = REFUSALS[name]
    with pytest.raises(UserError, match=message):
        lower_to_plain_onnx(make(Qcdq((1, 3, 8, 8))).build(None))
