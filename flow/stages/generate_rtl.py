"""SystemVerilog top, kernels and memory images."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.hardware.design import design_summary
from flow.hardware.emit import write_rtl
from flow.stage import Stage, StageContext, StageResult


class GenerateRtl(Stage):
    """Write the accelerator: what is simulated here is what is built for the board."""

    id = "generate_rtl"
    requires = (Artifact.SIZED_GRAPH,)
    produces = (Artifact.RTL, Artifact.DESIGN)
    board_fields = ("dma_width_bits",)
    sources = ("flow/rtl/src/*.sv", "flow/templates/*.j2")

    def run(self, ctx: StageContext) -> StageResult:
        model = ModelWrapper(str(ctx.input(Artifact.SIZED_GRAPH)))
        design = write_rtl(
            model, ctx.config.name, ctx.output(Artifact.RTL), ctx.board.dma_width_bits
        )
        design.save(ctx.output(Artifact.DESIGN))
        summary = design_summary(design)
        return StageResult(
            metrics={**summary, "identity": design.identity},
            summary=f"{summary['nodes']} instances, {summary['memory_bits'] / 1e6:.2f} Mbit of "
            f"weights and thresholds, identity {design.identity[:12]}",
        )
