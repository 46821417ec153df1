"""Weights and activations of several bits through the whole command line, package included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from nets import Net
from typer.testing import CliRunner

from flow.cli import app

pytestmark = pytest.mark.slow


def two_bit_cnn() -> Net:
    """W1A2: padded convolutions of 1-bit weights, 2-bit activations and pools of them."""
    net = Net(input_shape=(1, 3, 32, 32), seed=3).image_quantiser()
    net.conv(3, 8, pad=1).batch_norm(8, 300 / 128).quant(2, 0.7)
    net.add("MaxPool", kernel_shape=[4, 4], strides=[4, 4])
    net.conv(8, 8, pad=1).batch_norm(8, 9.0).quant(2, 0.7)
    net.add("MaxPool", kernel_shape=[8, 8], strides=[8, 8])
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(8, 10)


def narrow_bvgg16(path: Path) -> None:
    """B-VGG16 of an eighth of the channels with 8-bit weights in its first and last layer."""
    pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")
    import torch

    from flow.models import ModelSpec, export_qonnx
    from flow.models.quantizers import BrevitasKit, initialise_latent_weights

    torch.manual_seed(5)
    spec = ModelSpec(
        name="bvgg16", width=0.125, head="global-max", first_weight_bits=8, last_weight_bits=8
    )
    network = spec.layers(BrevitasKit())
    initialise_latent_weights(network, 1.0, torch.Generator().manual_seed(5))
    for name, layer in network.named_children():
        if name.startswith("bn"):
            torch.nn.init.uniform_(layer.weight, 0.1 if name == "bn_head" else -1.0, 1.0)
    with torch.no_grad():
        network.conv0.weight[:, 0, 0, 0] = -1.0  # the lowest code, also in channels that fall
        for _ in range(10):
            network.train()(torch.rand(8, 3, 32, 32))
    export_qonnx(network.eval(), path)


@pytest.mark.parametrize("network", ["two-bit", "byte-ends"])
def test_a_network_of_several_bits_goes_through_every_stage(network: str, tmp_path: Path) -> None:
    model = tmp_path / "net.onnx"
    if network == "two-bit":
        onnx.save(two_bit_cnn().build(), str(model))
    else:
        narrow_bvgg16(model)
    options = ["--board", "ZCU104", "--model", str(model), "--build-dir", str(tmp_path / "build")]
    built = CliRunner().invoke(app, ["build", *options, "--target-fps", "400"])
    assert built.exit_code == 0, built.output + built.stderr
    report = json.loads((tmp_path / "build" / "net" / "zcu104" / "report.json").read_text())
    for check in ("python", "cppsim", "rtlsim"):
        assert report["verify"][check]["bit_exact"] is True, check
    verified = CliRunner().invoke(app, ["verify", "--driver", *options])
    assert verified.exit_code == 0, verified.output + verified.stderr
