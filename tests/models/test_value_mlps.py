"""The perceptrons on values: what is exported is read as the task's inputs need it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow.data.inputs import find_inputs, load_inputs
from flow.frontend.compare import compare_with_golden
from flow.frontend.golden import load_onnx, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.frontend.witness import compare_with_file
from flow.hardware.plan import plan_hardware
from flow.models.value_mlps import main


@pytest.mark.parametrize(
    ("name", "features", "bits"), [("keyword-spotting", 490, 8), ("intrusion-detection", 600, 2)]
)
def test_example_is_exact_on_its_own_inputs(
    name: str, features: int, bits: int, tmp_path: Path
) -> None:
    assert main([name, str(tmp_path)]) == 0
    model = load_onnx(tmp_path / f"{name}.onnx")
    golden = lower_to_plain_onnx(model)
    assert golden.input.kind == "codes"
    assert golden.input.file_shape == (features,)
    data = load_inputs(tmp_path / f"{name}.npz", golden.input)
    some = find_inputs(tmp_path / f"{name}.npz", 8, golden.input)
    assert data is not None
    assert len(np.unique(data.images)) > 2**bits // 2
    network = network_from_golden(golden)
    assert not compare_with_golden(network, golden, some.images).difference
    report = compare_with_file(model, golden, some.images, values=some.values)
    assert report.agrees, report.difference
    layers = plan_hardware(network).layers
    assert (layers[0].mw, layers[0].in_bits) == (features, bits)
