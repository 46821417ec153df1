"""FINN's second opinion: where it agrees, where it refuses, and where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from nets import Net, byte_ends_net, mixed_net, padded_net, random_images, tiny_net, two_bit_net
from onnx import TensorProto, helper, numpy_helper
from opinions import opinion_of, vectors_of
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.bipolar_to_xnor import ConvertBipolarMatMulToXnorPopcount
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

from flow.errors import UserError
from flow.finn.check import execute
from flow.finn.library import apply_all
from flow.finn.opinion import HARDWARE_GRAPH, Opinion, agreed_graph, load_opinion
from flow.finn.tidy import tidy
from flow.frontend.golden import load_onnx, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.network import Network, Threshold

DATA = Path(__file__).resolve().parents[1] / "data"
NETS: dict[str, Callable[[int], Net]] = {
    "byte-ends": byte_ends_net,
    "two-bit": two_bit_net,
    "two-bit-unsigned": lambda seed: two_bit_net(seed, signed=0),
    "mixed": mixed_net,
    "padded-0": lambda seed: padded_net(0, seed),
    "padded-minus-1": lambda seed: padded_net(-1, seed),
}


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@pytest.mark.parametrize("seed", [0, 1])
def test_finn_agrees_to_the_last_hardware_layer(
    make: Callable[[int], Net], seed: int, tmp_path: Path
) -> None:
    model = make(seed).build()
    opinion = opinion_of(model, folder=tmp_path)
    assert opinion.agrees, opinion.findings
    thresholds = network_from_golden(lower_to_plain_onnx(model)).of_kind(Threshold)
    assert opinion.agreeing == opinion.layers == len(thresholds) > 0
    assert opinion.mapped > opinion.layers
    assert {path.name for path in tmp_path.iterdir()} == {
        "tidy.onnx",
        "streamlined.onnx",
        HARDWARE_GRAPH,
    }


@pytest.mark.parametrize("name", ["bvgg16_tiny_pad0", "cnv_quarter"])
def test_finn_agrees_on_trained_networks(name: str) -> None:
    opinion = opinion_of(load_onnx(DATA / f"{name}.onnx"))
    assert opinion.agrees, opinion.findings
    assert f"FINN agrees in {opinion.layers} of {opinion.layers} layers" in opinion.describe()


def moved(network: Network, layer: int, by: int) -> Network:
    """The network with one threshold of one layer elsewhere."""
    node = network.of_kind(Threshold)[layer]
    steps = node.steps.copy()
    sums = network.input_edges(node)[0]
    channel = int(np.argmin(np.abs(steps[:, 0] - (sums.low + sums.high) // 2)))
    steps[channel, 0] += by
    nodes = tuple(replace(n, steps=steps) if n is node else n for n in network.nodes)
    return Network(network.input, network.source, nodes, network.taps)


def test_finns_own_thresholds_are_compared_and_not_ours() -> None:
    model = padded_net(0).build()
    network = network_from_golden(lower_to_plain_onnx(model))
    assert opinion_of(model, network).moved == 0
    by_one = opinion_of(model, moved(network, 1, 1))
    assert by_one.moved == 1
    assert by_one.agreeing == by_one.layers
    further = opinion_of(model, moved(network, 1, 6))
    assert further.agreeing == further.layers - 1
    assert "streamline: layer1.codes, channel" in further.findings[0]
    assert "FINN's threshold 0 is" in further.findings[0]


def test_what_finn_executes_is_compared_with_golden() -> None:
    """With our thresholds in it, FINN's graph gives what our network gives: wrong ones show."""
    model = padded_net(0).build()
    wrong = moved(network_from_golden(lower_to_plain_onnx(model)), 0, 60)
    findings = opinion_of(model, wrong).findings
    assert any(text.startswith("map_layers: image 0, ") for text in findings), findings


def stock_scores(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    """Run the conversion as stock FINN orders it, without the padding repair."""
    from finn.transformation.streamline import Streamline
    from finn.transformation.streamline.absorb import (
        AbsorbConsecutiveTransposes,
        AbsorbScalarBiasIntoMultiThreshold,
        AbsorbTransposeIntoMultiThreshold,
    )
    from finn.transformation.streamline.reorder import MakeMaxPoolNHWC

    graph = apply_all(
        tidy(ModelWrapper(model)),
        [
            AbsorbScalarBiasIntoMultiThreshold(),
            Streamline(),
            LowerConvsToMatMul(),
            MakeMaxPoolNHWC(),
            AbsorbTransposeIntoMultiThreshold(),
            MakeMaxPoolNHWC(),
            AbsorbConsecutiveTransposes(),
            InferDataTypes(),
            ConvertBipolarMatMulToXnorPopcount(),
            Streamline(),
        ],
    )
    output = graph.graph.output[0].name
    scaled = (images.astype(np.float32) / np.float32(255)).transpose(0, 3, 1, 2)
    return np.concatenate([execute(graph, image[None])[output] for image in scaled])


@pytest.mark.parametrize("pad_value", [0, -1])
def test_the_stock_conversion_of_a_padded_binary_convolution_is_wrong(pad_value: int) -> None:
    model = padded_net(pad_value).build()
    vectors = vectors_of(model)
    assert not np.array_equal(stock_scores(model, vectors.images), vectors.scores)


def test_dead_channels_are_constant_for_finn_too() -> None:
    net = padded_net(0)
    for tensor in net.initializers:
        if tensor.name == net.nodes[5].input[1]:  # the first BatchNormalization's scale
            scale = np.frombuffer(tensor.raw_data, np.float32).copy()
            scale[[0, 3]] = 0
            tensor.raw_data = scale.tobytes()
            break
    assert net.nodes[5].op_type == "BatchNormalization"
    opinion = opinion_of(net.build())
    assert opinion.agrees, opinion.findings


def finding_of(model: onnx.ModelProto) -> str:
    opinion = opinion_of(model)
    assert not opinion.agrees
    return opinion.findings[0]


def test_a_score_scale_for_each_class_has_no_hardware_layer() -> None:
    model = byte_ends_net(last_scale=np.linspace(0.1, 1.0, 10)[None]).build()
    network = network_from_golden(lower_to_plain_onnx(byte_ends_net().build()))
    opinion = opinion_of(model, network)
    assert "(Mul) cannot be mapped" in opinion.findings[-1]


@pytest.mark.parametrize(
    ("quantiser", "said"),
    [
        ({"bits": 3, "zero": 2.0, "signed": 0}, "(Quant) has the zero point 2"),
        ({"bits": 1, "signed": 0}, "takes the values 0 and 1"),
        ({"bits": 3, "signed": 1, "mode": "FLOOR"}, "streamline: layer0.codes, channel 0: FINN's"),
    ],
)
def test_quantisers_that_finn_cannot_read_are_findings(
    quantiser: dict[str, Any], said: str
) -> None:
    net = Net().image_quantiser().conv(3, 8).batch_norm(8, 300 / 128)
    net.quant(scale=1.0, **quantiser).add("Reshape", net.const([1, -1], np.int64)).matmul(288, 10)
    assert said in finding_of(net.build())


@pytest.mark.parametrize(
    ("value", "bits", "said"),
    [(1.0, 1, "Pad_0 pads with 1"), (-1.0, 4, "with -1; only binary activations")],
)
def test_padding_that_finn_cannot_do_is_a_finding(value: float, bits: int, said: str) -> None:
    net = Net().image_quantiser().conv(3, 8, pad=1).batch_norm(8, 300 / 128).bipolar()
    net.add("Pad", net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64), net.const(value))
    net.conv(8, 8, bits=bits).batch_norm(8).bipolar()
    net.add("Reshape", net.const([1, -1], np.int64)).matmul(512, 10)
    assert said in finding_of(net.build())


def test_an_opinion_is_kept_and_a_graph_that_differs_is_not_built(tmp_path: Path) -> None:
    opinion = Opinion(layers=3, agreeing=2, findings=["streamline: layer 2"])
    opinion.save(tmp_path)
    assert load_opinion(tmp_path) == opinion
    with pytest.raises(UserError, match=r"does not agree: streamline: layer 2; .* impl = .rtl"):
        agreed_graph(tmp_path)
    Opinion(layers=3, agreeing=3, moved=2).save(tmp_path)
    assert agreed_graph(tmp_path) == tmp_path / HARDWARE_GRAPH
    assert load_opinion(tmp_path).describe().endswith("3 of 3 layers, 2 thresholds moved by one")


# -- networks as other tools export them ----------------------------------------------------------


def with_division(model: onnx.ModelProto) -> onnx.ModelProto:
    """A Div by 255 in front and an input annotated as UINT8, as FINN's ToTensor makes it."""
    source = model.graph.input[0].name
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == source:
                node.input[place] = "scaled"
    model.graph.initializer.append(numpy_helper.from_array(np.array(255, np.float32), "full"))
    model.graph.node.insert(0, helper.make_node("Div", [source, "full"], ["scaled"]))
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    model.graph.value_info.append(helper.make_tensor_value_info("scaled", TensorProto.FLOAT, shape))
    wrapped = ModelWrapper(model)
    wrapped.set_tensor_datatype(source, DataType["UINT8"])
    proto: onnx.ModelProto = wrapped.model
    return proto


def test_raw_pixels_give_the_scores_of_scaled_ones() -> None:
    model = tiny_net().build()
    images = random_images(3, (32, 32, 3))
    expected = vectors_of(model, images).scores
    raw = with_division(model)
    np.testing.assert_array_equal(vectors_of(raw, images).scores, expected)
    opinion = opinion_of(raw)
    assert opinion.agrees, opinion.findings


def exported(network: Any, image_shape: tuple[int, int, int], path: Path) -> onnx.ModelProto:
    """Export a Brevitas network for images of `image_shape`, (H, W, C)."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from brevitas.export import export_qonnx

    height, width, channels = image_shape
    network.train()
    network(torch.rand(32, channels, height, width))  # BatchNormalization has seen nothing yet
    network.eval()
    pixels = torch.rand(1, channels, height, width)
    export_qonnx(network, pixels, export_path=str(path), opset_version=13)
    return load_onnx(path)


@pytest.mark.parametrize(
    ("name", "image_shape"),
    [("cnv_1w1a", (32, 32, 3)), ("tfc_1w1a", (28, 28, 1)), ("tfc_1w2a", (28, 28, 1))],
)
def test_brevitas_own_networks_of_bnn_pynq(
    name: str, image_shape: tuple[int, int, int], tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    models = pytest.importorskip("brevitas_examples.bnn_pynq.models", reason="no Brevitas here")
    torch.manual_seed(1)
    network, _ = models.model_with_cfg(name, pretrained=False)
    model = exported(network, image_shape, tmp_path / f"{name}.onnx")
    assert lower_to_plain_onnx(model).score_map.offset[0] != 0
    opinion = opinion_of(model)
    assert opinion.agrees, opinion.findings


def test_a_colour_image_that_is_flattened_first(tmp_path: Path) -> None:
    """PyTorch flattens channel by channel; the board receives all channels of a pixel at once."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    fc = pytest.importorskip("brevitas_examples.bnn_pynq.models.FC", reason="no Brevitas here")
    torch.manual_seed(1)
    bits = {"weight_bit_width": 1, "act_bit_width": 1, "in_bit_width": 2}
    network = fc.FC(num_classes=10, in_channels=3, out_features=[16], in_features=(3, 8, 6), **bits)
    opinion = opinion_of(exported(network, (8, 6, 3), tmp_path / "colour.onnx"))
    assert opinion.agrees, opinion.findings
