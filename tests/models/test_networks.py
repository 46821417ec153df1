"""The networks: their numeric contract, their shapes, and their QONNX export."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from flow.data.datasets import find_images
from flow.errors import UserError
from flow.models import ModelSpec, build_model, export_qonnx
from flow.models.export import run_qonnx
from flow.models.quantizers import (
    BrevitasKit,
    InputQuantizer,
    initialise_latent_weights,
)
from flow.training.twin import TwinKit

VARIANTS = [
    ModelSpec(name="vgg_small", width=0.125, head="flatten"),
    ModelSpec(name="vgg_small", width=0.125, pad_value=-1),
    ModelSpec(name="tfc", width=0.125),
    ModelSpec(name="lfc", width=0.125),
    ModelSpec(name="cnv", width=0.125, first_weight_bits=8, last_weight_bits=8),
    ModelSpec(name="bvgg16", width=0.125, pad_value=0, head="global-max"),
    ModelSpec(name="bvgg16", width=0.125, pad_value=-1, head="global-max"),
    ModelSpec(name="bvgg16", width=0.125, pad_value=0, head="flatten"),
    ModelSpec(name="bvgg16", width=0.125, pad_value=-1, head="flatten"),
    ModelSpec(name="cnv", width=0.125),
]


def variant_id(spec: ModelSpec) -> str:
    return f"{spec.name}_pad{spec.pad_value}_{spec.head}_{spec.first_weight_bits}bit"


def real_pixels(count: int) -> torch.Tensor:
    """Return photographs as float32 in [0, 1], shape (count, 3, 32, 32)."""
    images = find_images(None, count).images.transpose(0, 3, 1, 2)
    return torch.from_numpy(images.astype(np.float32) / np.float32(255))


@cache
def calibrated_pair(spec: ModelSpec) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Return twin and Brevitas network of equal random weights, BatchNorm fed real images."""
    torch.manual_seed(20)
    twin, network = spec.layers(TwinKit()), spec.layers(BrevitasKit())
    initialise_latent_weights(twin, 0.1, torch.Generator().manual_seed(20))
    for layer in twin:
        if isinstance(layer, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            # Both signs of the scale, so that flipped channels are covered; the head's is positive.
            torch.nn.init.uniform_(layer.weight, -1.0, 1.0)
            torch.nn.init.uniform_(layer.bias, -0.5, 0.5)
    with torch.no_grad():
        for _ in range(20):
            twin(real_pixels(24))
    network.load_state_dict(twin.state_dict())
    return twin.eval(), network.eval()


@pytest.mark.parametrize("spec", VARIANTS, ids=variant_id)
@torch.no_grad()
def test_twin_brevitas_and_exported_file_give_the_same_scores(
    spec: ModelSpec, tmp_path: Path
) -> None:
    twin, network = calibrated_pair(spec)
    pixels = real_pixels(12)
    expected = network(pixels).numpy()
    assert len({row.tobytes() for row in expected}) > 6, "the scores hardly depend on the image"
    np.testing.assert_array_equal(twin(pixels).numpy(), expected)
    path = export_qonnx(network, tmp_path / "net.onnx")
    graph = ModelWrapper(str(path))
    for index in range(2):
        one = {"pixels": pixels[index : index + 1].numpy()}
        np.testing.assert_array_equal(
            execute_onnx(graph, one)["scores"], expected[index : index + 1]
        )
    np.testing.assert_array_equal(run_qonnx(path, pixels.numpy(), batch=5), expected)


@pytest.mark.parametrize("spec", [s for s in VARIANTS if s.last_weight_bits == 1], ids=variant_id)
@torch.no_grad()
def test_scores_are_integers_with_the_parity_of_their_inputs(spec: ModelSpec) -> None:
    _, network = calibrated_pair(spec)
    scores = network(real_pixels(6))
    fan_in = list(network.children())[-1].in_features
    assert scores.shape == (6, 10)
    assert bool((scores.abs() <= fan_in).all())
    np.testing.assert_array_equal(scores.remainder(2).numpy(), np.full((6, 10), fan_in % 2))


def test_every_pixel_value_becomes_pixel_minus_128_in_brevitas() -> None:
    pixels = torch.arange(256, dtype=torch.float32) / 255
    codes = InputQuantizer().eval()(pixels) * 128
    np.testing.assert_array_equal(codes.detach().numpy(), np.arange(256) - 128)


def test_every_pixel_value_becomes_pixel_minus_128_in_the_exported_graph(tmp_path: Path) -> None:
    network = build_model("cnv", width=0.125)
    graph = ModelWrapper(str(export_qonnx(network, tmp_path / "net.onnx")))
    quant = next(node for node in graph.graph.node if node.op_type == "Quant")
    # 256 values in the 32 x 32 image, once in each channel.
    values = np.resize(np.arange(256), (1, 3, 32, 32))
    pixels = values.astype(np.float32) / np.float32(255)
    context = execute_onnx(graph, {"pixels": pixels}, return_full_exec_context=True)
    np.testing.assert_array_equal(context[quant.output[0]] * np.float32(128), values - 128)


@torch.no_grad()
def test_sign_of_zero_is_plus_one_in_brevitas_twin_and_graph(tmp_path: Path) -> None:
    values = torch.tensor([[-1.5, -1e-30, -0.0, 0.0, 1e-30, 2.0]])
    expected = [[-1.0, -1.0, 1.0, 1.0, 1.0, 1.0]]
    assert BrevitasKit().sign()(values).tolist() == expected
    assert TwinKit().sign()(values).tolist() == expected
    model = torch.nn.Sequential(BrevitasKit().sign())
    path = export_qonnx(model, tmp_path / "sign.onnx", input_shape=(1, 6))
    assert run_qonnx(path, values.numpy()).tolist() == expected


def test_minus_one_padding_differs_from_zero_padding_but_for_the_first_layer() -> None:
    zero, minus = (build_model("bvgg16", width=0.125, pad_value=p) for p in (0, -1))
    assert "pad0" not in dict(minus.named_children())
    assert minus.conv0.padding == zero.conv0.padding == (1, 1)
    for index in range(1, 13):
        assert getattr(minus, f"pad{index}").value == -1.0
        assert getattr(minus, f"conv{index}").padding == (0, 0)
        assert getattr(zero, f"conv{index}").padding == (1, 1)


def test_full_width_bvgg16_has_the_weights_and_macs_of_the_paper() -> None:
    with torch.device("meta"):
        network = ModelSpec().layers(TwinKit())
    layers = dict(network.named_children())
    weights = sum(
        layer.weight.numel()
        for name, layer in layers.items()
        if "bn" not in name and hasattr(layer, "weight")
    )
    sides = [32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 4, 4, 4]
    macs = sum(layers[f"conv{i}"].weight.numel() * side**2 for i, side in enumerate(sides))
    macs += layers["fc0"].weight.numel() + layers["fc1"].weight.numel()
    assert weights == pytest.approx(15.2e6, rel=0.005)
    assert macs == pytest.approx(398.7e6, rel=0.0005)


def test_head_takes_the_maximum_before_batchnorm_and_sign() -> None:
    names = [name for name, _ in build_model("bvgg16", width=0.125).named_children()]
    assert names[names.index("conv12") :][:4] == ["conv12", "pool_head", "bn_head", "sign12"]


def test_exported_file_is_one_file_with_bias_free_layers(tmp_path: Path) -> None:
    path = export_qonnx(build_model("bvgg16", width=0.125), tmp_path / "net.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
    graph = ModelWrapper(str(path)).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Conv") == 13
    assert kinds.count("MatMul") == 2
    assert all(len(node.input) == 2 for node in graph.node if node.op_type == "Conv")
    assert graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_file_of_another_batch_size_runs_in_batches_of_any_size(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((3 * 4, 2), np.float32), "w")
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["y"]),
        ],
        "sums",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [weight],
    )
    path = tmp_path / "sums.onnx"
    ModelWrapper(helper.make_model(graph)).save(str(path))
    pixels = np.arange(7 * 12, dtype=np.float32).reshape(7, 3, 2, 2)
    sums = pixels.reshape(7, 12).sum(1)
    np.testing.assert_array_equal(run_qonnx(path, pixels, batch=3), np.stack([sums, sums], 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "vgg99"},
            r"'vgg99' is not known; use one of bvgg16, vgg16, cnv",
        ),
        ({"name": "bvgg16", "width": 0.1}, r"width 0\.1 makes 6\.4 channels"),
        ({"name": "bvgg16", "width": 0.0}, r"greater than 0"),
        ({"name": "bvgg16", "pad_value": 1}, r"pad_value"),
        ({"name": "bvgg16", "image_side": 20}, r"bvgg16 halves the map three times; use a multipl"),
        ({"name": "cnv", "image_side": 24}, r"cnv needs images of 32 x 32 or larger"),
        ({"name": "tfc", "channels": (8, 8)}, r"tfc has 3 layers in front of the last one"),
        ({"name": "vgg16", "pad_value": -1}, r"vgg16 is the floating-point reference"),
        ({"name": "bvgg16", "head": "mean"}, r"'global-max' or 'flatten'"),
    ],
)
def test_unknown_names_and_values_are_user_errors(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        build_model(**arguments)  # type: ignore[arg-type]
