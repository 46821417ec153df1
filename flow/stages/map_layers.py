"""FINN's conversion to hardware layers."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.golden.vectors import GoldenVectors
from flow.graph.check import compare_with_golden
from flow.graph.mapping import to_hardware
from flow.stage import Stage, StageContext, StageResult


class MapLayers(Stage):
    """Replace every node by a FINN hardware layer, or refuse by name and reason."""

    id = "map_layers"
    requires = (Artifact.STREAMLINED_GRAPH, Artifact.GOLDEN_VECTORS)
    produces = (Artifact.HARDWARE_GRAPH,)
    packages = ("finn-plus", "qonnx")

    def run(self, ctx: StageContext) -> StageResult:
        model = to_hardware(ModelWrapper(str(ctx.input(Artifact.STREAMLINED_GRAPH))))
        model.save(str(ctx.output(Artifact.HARDWARE_GRAPH)))
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        outcome = compare_with_golden(
            model, vectors, takes_pixels=True, progress=ctx.report_progress
        )
        return StageResult(
            metrics={"images": outcome.images, "bit_exact": outcome.bit_exact},
            summary=f"{len(model.graph.node)} hardware layers, equal to golden in "
            f"{outcome.tensors} tensors on {outcome.images} images",
            detail=outcome.difference,
        )
