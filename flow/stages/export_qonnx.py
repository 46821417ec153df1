"""Bring the network to one QONNX file that every later stage starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx

from flow.config import BuildConfig
from flow.engine.artifact import Artifact
from flow.engine.metrics import Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.errors import UserError
from flow.frontend.golden import load_onnx
from flow.frontend.golden.input_settings import InputSettings, set_input_settings


@dataclass(frozen=True)
class ExportMetrics(Metrics):
    """What `export_qonnx` measures."""

    nodes: int


class ExportQonnx(Stage):
    """Write the network as a single QONNX file, weights inside; PyTorch sources are exported."""

    id = "export_qonnx"
    metrics = ExportMetrics
    requires = (Artifact.SOURCE_MODEL,)
    produces = (Artifact.QONNX_MODEL,)
    config_fields = ("model.source", "model.input", "model.mean", "model.std")
    packages = ("brevitas", "onnx", "onnxruntime", "qonnx", "torch")

    def run(self, ctx: StageContext) -> StageResult:
        source = ctx.input(Artifact.SOURCE_MODEL) / ctx.config.model.source.name
        target = ctx.output(Artifact.QONNX_MODEL)
        if source.suffix == ".onnx":
            model = load_onnx(source)
        else:
            _export_pytorch(source, target)
            model = load_onnx(target)
        set_input_settings(model, input_settings(ctx.config))
        onnx.save(model, str(target))
        nodes = len(model.graph.node)
        return StageResult(metrics=ExportMetrics(nodes=nodes), summary=f"{nodes} nodes")


def input_settings(config: BuildConfig) -> InputSettings:
    """Return what [model] says about the input."""
    return InputSettings(config.model.input, config.model.mean, config.model.std)


def _export_pytorch(source: Path, target: Path) -> None:
    try:
        from flow.training.own_network import export_source
    except UserError as error:
        raise UserError(
            f"export_qonnx: {source.name} is a PyTorch file, and {error}; or export it as QONNX on "
            "a machine that has PyTorch"
        ) from error
    export_source(source, target)
