"""Brevitas' own CNV of BNN-PYNQ, exported as it is, goes through the flow bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_check import through_the_flow
from nets import random_images

from flow.golden import load_onnx, lower_to_plain_onnx
from flow.golden.survey import survey


def test_cnv_with_its_tensor_norm_is_equal_to_golden(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    models = pytest.importorskip("brevitas_examples.bnn_pynq.models", reason="no Brevitas here")
    from brevitas.export import export_qonnx

    torch.manual_seed(1)
    network, _ = models.model_with_cfg("cnv_1w1a", pretrained=False)
    network.train()
    network(torch.rand(32, 3, 32, 32))  # for BatchNormalization, which has seen nothing yet
    network.eval()
    path = tmp_path / "cnv_1w1a.onnx"
    export_qonnx(network, torch.rand(1, 3, 32, 32), export_path=str(path), opset_version=13)
    model = load_onnx(path)
    assert not [node for node in survey(model).nodes if node.refused]
    golden = lower_to_plain_onnx(model)
    assert golden.score_offset != 0
    outcome = through_the_flow(path, random_images(2, (32, 32, 3)))
    assert outcome.bit_exact, outcome.difference
