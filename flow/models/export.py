"""QONNX export of a Brevitas network, cleaned up, in a single file."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

import torch
from brevitas.export import export_qonnx as brevitas_export_qonnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model
from torch import nn

INPUT_NAME = "pixels"
OUTPUT_NAME = "scores"


def export_qonnx(
    model: nn.Module, path: Path, *, input_shape: tuple[int, ...] = (1, 3, 32, 32)
) -> Path:
    """Write `model` (on the CPU, left in evaluation mode) as QONNX to `path` and return the path.

    The file appears by rename, so a reader never sees half of it. Its input is `pixels` float32 in
    [0, 1] of `input_shape`, its output `scores`.
    """
    model.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        raw, clean = Path(folder) / "raw.onnx", Path(folder) / "clean.onnx"
        with warnings.catch_warnings():
            # Both speak of the exporter's own future, not of this network.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            brevitas_export_qonnx(
                model,
                torch.zeros(input_shape),
                str(raw),
                dynamo=False,  # the dynamo exporter writes the weights to a second file
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
            )
        graph = cleanup_model(ModelWrapper(str(raw)))
        graph.rename_tensor(graph.graph.input[0].name, INPUT_NAME)
        graph.rename_tensor(graph.graph.output[0].name, OUTPUT_NAME)
        graph.save(str(clean))
        os.replace(clean, path)
    return path
