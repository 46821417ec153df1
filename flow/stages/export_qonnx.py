"""Bring the network to one QONNX file that every later stage starts from."""

from __future__ import annotations

import onnx

from flow.artifact import Artifact
from flow.golden import load_onnx
from flow.stage import Stage, StageContext, StageResult


class ExportQonnx(Stage):
    """Check the source model and write it as a single file, weights inside."""

    id = "export_qonnx"
    requires = (Artifact.SOURCE_MODEL,)
    produces = (Artifact.QONNX_MODEL,)
    packages = ("onnx", "qonnx")

    def run(self, ctx: StageContext) -> StageResult:
        (source,) = ctx.input(Artifact.SOURCE_MODEL).iterdir()
        model = load_onnx(source)
        onnx.save(model, str(ctx.output(Artifact.QONNX_MODEL)))
        return StageResult(
            metrics={"nodes": len(model.graph.node)}, summary=f"{len(model.graph.node)} nodes"
        )
