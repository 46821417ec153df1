"""Our RTL layers in place of FINN's."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.golden.vectors import GoldenVectors
from flow.graph.check import compare_with_golden
from flow.hw.specialize import specialize
from flow.stage import Stage, StageContext, StageResult


class Specialize(Stage):
    """Choose the RTL implementation of each layer; its Python execution must equal golden."""

    id = "specialize"
    requires = (Artifact.FOLDED_GRAPH, Artifact.GOLDEN_VECTORS)
    produces = (Artifact.SPECIALIZED_GRAPH,)
    config_fields = ("specialize.weights",)
    packages = ("finn-plus", "qonnx")

    def run(self, ctx: StageContext) -> StageResult:
        model = specialize(
            ModelWrapper(str(ctx.input(Artifact.FOLDED_GRAPH))), ctx.config.specialize.weights
        )
        model.save(str(ctx.output(Artifact.SPECIALIZED_GRAPH)))
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        outcome = compare_with_golden(
            model, vectors, takes_pixels=True, progress=ctx.report_progress
        )
        return StageResult(
            metrics={"images": outcome.images, "bit_exact": outcome.bit_exact},
            summary=f"{len(model.graph.node)} RTL layers, equal to golden in "
            f"{outcome.tensors} tensors on {outcome.images} images",
            detail=outcome.difference,
            report={
                "verify": {"python": {"images": outcome.images, "bit_exact": outcome.bit_exact}}
            },
        )
