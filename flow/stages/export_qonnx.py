"""Bring the network to one QONNX file that every later stage starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx

from flow.engine.artifact import Artifact
from flow.engine.metrics import Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.errors import UserError
from flow.frontend.golden import load_onnx


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
    config_fields = ("model.source",)
    packages = ("brevitas", "onnx", "onnxruntime", "qonnx", "torch")

    def run(self, ctx: StageContext) -> StageResult:
        source = ctx.input(Artifact.SOURCE_MODEL) / ctx.config.model.source.name
        target = ctx.output(Artifact.QONNX_MODEL)
        if source.suffix == ".onnx":
            onnx.save(load_onnx(source), str(target))
        else:
            _export_pytorch(source, target)
        nodes = len(load_onnx(target).graph.node)
        return StageResult(metrics=ExportMetrics(nodes=nodes), summary=f"{nodes} nodes")


def _export_pytorch(source: Path, target: Path) -> None:
    try:
        from flow.training.own_network import export_source
    except UserError as error:
        raise UserError(
            f"export_qonnx: {source.name} is a PyTorch file, and {error}; or export it as QONNX on "
            "a machine that has PyTorch"
        ) from error
    export_source(source, target)
