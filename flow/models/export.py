"""QONNX export of a Brevitas network, cleaned up, in a single file."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from brevitas.export import export_qonnx as brevitas_export_qonnx
from numpy.typing import NDArray
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model
from torch import nn

from flow.frontend.golden.model import set_class_names

INPUT_NAME = "pixels"
OUTPUT_NAME = "scores"


def export_qonnx(
    model: nn.Module,
    path: Path,
    *,
    input_shape: tuple[int, ...] = (1, 3, 32, 32),
    class_names: Sequence[str] = (),
    input_name: str = INPUT_NAME,
) -> Path:
    """Write `model` (on the CPU, left in evaluation mode) as QONNX to `path` and return the path.

    The file appears by rename, so a reader never sees half of it. Its input is float32 of
    `input_shape`, `pixels` in [0, 1] unless named otherwise, its output `scores`. `class_names`,
    one a score, go into its metadata.
    """
    model.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        raw, clean = Path(folder) / "raw.onnx", Path(folder) / "clean.onnx"
        with warnings.catch_warnings():
            # They speak of the exporter's own future and of its tracing, not of this network.
            warnings.simplefilter("ignore")
            brevitas_export_qonnx(
                model,
                torch.zeros(input_shape),
                str(raw),
                dynamo=False,  # the dynamo exporter writes the weights to a second file
                input_names=[input_name],
                output_names=[OUTPUT_NAME],
            )
        graph = cleanup_model(ModelWrapper(str(raw)))
        graph.rename_tensor(graph.graph.input[0].name, input_name)
        graph.rename_tensor(graph.graph.output[0].name, OUTPUT_NAME)
        if class_names:
            set_class_names(graph.model, class_names)
        graph.save(str(clean))
        os.replace(clean, path)
    return path


def run_qonnx(path: Path, pixels: NDArray[np.float32], *, batch: int = 250) -> NDArray[np.float32]:
    """Return the scores, shape (N, classes), that qonnx's own execution of the file gives.

    pixels: float32 in [0, 1], shape (N, 3, 32, 32). The file's batch of 1 is widened in memory.
    """
    graph: ModelWrapper | None = None
    scores = []
    for start in range(0, len(pixels), batch):
        part = pixels[start : start + batch]
        if graph is None or len(part) != batch:
            graph = ModelWrapper(str(path))
            graph = graph.transform(ChangeBatchSize(len(part))).transform(InferShapes())
        name_in, name_out = graph.graph.input[0].name, graph.graph.output[0].name
        scores.append(execute_onnx(graph, {name_in: part})[name_out])
    return np.concatenate(scores)
