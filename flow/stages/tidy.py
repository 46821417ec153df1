"""QONNX to FINN's dialect."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.golden.vectors import GoldenVectors
from flow.graph.check import compare_with_golden
from flow.graph.tidy import tidy
from flow.stage import Stage, StageContext, StageResult


class Tidy(Stage):
    """Convert to FINN's dialect; the graph must still give the golden scores."""

    id = "tidy"
    requires = (Artifact.QONNX_MODEL, Artifact.GOLDEN_VECTORS)
    produces = (Artifact.TIDY_GRAPH,)
    packages = ("finn-plus", "qonnx")

    def run(self, ctx: StageContext) -> StageResult:
        model = tidy(ModelWrapper(str(ctx.input(Artifact.QONNX_MODEL))))
        model.save(str(ctx.output(Artifact.TIDY_GRAPH)))
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        outcome = compare_with_golden(
            model, vectors, takes_pixels=False, progress=ctx.report_progress
        )
        return StageResult(
            metrics={"images": outcome.images, "bit_exact": outcome.bit_exact},
            summary=f"{len(model.graph.node)} nodes, equal to golden on {outcome.images} images",
            detail=outcome.difference,
        )
