"""Brevitas' own networks of BNN-PYNQ, exported as they are, go through the flow bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flow_check import through_the_flow
from nets import random_images

from flow.golden import load_onnx, lower_to_plain_onnx
from flow.golden.survey import survey

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
models = pytest.importorskip("brevitas_examples.bnn_pynq.models", reason="no Brevitas here")


def assert_equal_to_golden(network: Any, image_shape: tuple[int, int, int], path: Path) -> None:
    """Export `network` for images of `image_shape`, (H, W, C), and take it through the flow."""
    from brevitas.export import export_qonnx

    height, width, channels = image_shape
    network.train()
    # For BatchNormalization, which has seen nothing yet.
    network(torch.rand(32, channels, height, width))
    network.eval()
    pixels = torch.rand(1, channels, height, width)
    export_qonnx(network, pixels, export_path=str(path), opset_version=13)
    model = load_onnx(path)
    assert not [node for node in survey(model).nodes if node.refused]
    golden = lower_to_plain_onnx(model)
    assert golden.score_offset != 0
    outcome = through_the_flow(path, random_images(2, image_shape))
    assert outcome.bit_exact, outcome.difference


@pytest.mark.parametrize(
    ("name", "image_shape"),
    [("cnv_1w1a", (32, 32, 3)), ("tfc_1w1a", (28, 28, 1)), ("tfc_1w2a", (28, 28, 1))],
)
def test_a_network_with_its_tensor_norm_is_equal_to_golden(
    name: str, image_shape: tuple[int, int, int], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    network, _ = models.model_with_cfg(name, pretrained=False)
    assert_equal_to_golden(network, image_shape, tmp_path / f"{name}.onnx")


def test_a_colour_image_that_is_flattened_first_is_equal_to_golden(tmp_path: Path) -> None:
    """PyTorch flattens channel by channel; the board receives all channels of a pixel at once."""
    from brevitas_examples.bnn_pynq.models.FC import FC

    torch.manual_seed(1)
    bits = {"weight_bit_width": 1, "act_bit_width": 1, "in_bit_width": 2}
    network = FC(num_classes=10, in_channels=3, out_features=[16], in_features=(3, 8, 6), **bits)
    assert_equal_to_golden(network, (8, 6, 3), tmp_path / "colour.onnx")
