"""Width converters and FIFOs between the layers."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.hw.sizing import insert_plumbing
from flow.stage import Stage, StageContext, StageResult


class SizeFifos(Stage):
    """Join the layers: convert widths where neighbours disagree, buffer between every two."""

    id = "size_fifos"
    requires = (Artifact.SPECIALIZED_GRAPH,)
    produces = (Artifact.SIZED_GRAPH,)
    config_fields = ("fifo",)

    def run(self, ctx: StageContext) -> StageResult:
        model = ModelWrapper(str(ctx.input(Artifact.SPECIALIZED_GRAPH)))
        before = len(model.graph.node)
        fifo = ctx.config.fifo
        model = insert_plumbing(model, fifo.depth_words, fifo.layers)
        model.save(str(ctx.output(Artifact.SIZED_GRAPH)))
        kinds = [node.op_type for node in model.graph.node]
        fifos, converters = kinds.count("BnnFifo_rtl"), kinds.count("BnnWidthConverter_rtl")
        return StageResult(
            metrics={"layers": before, "fifos": fifos, "width_converters": converters},
            summary=f"{fifos} FIFOs of {fifo.depth_words} words, {converters} width converters",
        )
