"""Streamlining with the padding repair and the golden model's own thresholds."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.golden import GoldenModel, activation_steps, input_table
from flow.golden.vectors import GoldenVectors
from flow.graph.check import compare_with_golden
from flow.graph.streamlining import streamline
from flow.stage import Stage, StageContext, StageResult


class StreamlineStage(Stage):
    """Move all arithmetic between the layers into integer thresholds."""

    id = "streamline"
    requires = (Artifact.TIDY_GRAPH, Artifact.GOLDEN_MODEL, Artifact.GOLDEN_VECTORS)
    produces = (Artifact.STREAMLINED_GRAPH,)
    packages = ("finn-plus", "qonnx", "onnxruntime")

    def run(self, ctx: StageContext) -> StageResult:
        golden = GoldenModel.load(ctx.input(Artifact.GOLDEN_MODEL))
        steps = []
        for layer in activation_steps(golden):
            steps.append(layer)
            ctx.report_progress(len(steps), len(golden.activation_layers), "thresholds")
        model = ModelWrapper(str(ctx.input(Artifact.TIDY_GRAPH)))
        model, moved = streamline(model, input_table(golden), steps)
        model.save(str(ctx.output(Artifact.STREAMLINED_GRAPH)))
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        outcome = compare_with_golden(
            model, vectors, takes_pixels=True, progress=ctx.report_progress
        )
        return StageResult(
            metrics={
                "images": outcome.images,
                "bit_exact": outcome.bit_exact,
                "moved_thresholds": moved,
            },
            summary=f"equal to golden in {outcome.tensors} tensors on {outcome.images} images, "
            f"{moved} thresholds corrected",
            detail=outcome.difference,
        )
