"""SystemVerilog top, kernels and memory images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flow.engine.artifact import Artifact
from flow.engine.metrics import Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.hardware.design import design_summary
from flow.hardware.emit import emit
from flow.stages.planned import DESIGN_INPUTS, planned_design


@dataclass(frozen=True)
class GenerateRtlMetrics(Metrics):
    """What `generate_rtl` measures."""

    design: dict[str, Any]
    identity: str


class GenerateRtl(Stage):
    """Write the accelerator: what is simulated here is what is built for the board."""

    id = "generate_rtl"
    metrics = GenerateRtlMetrics
    requires = DESIGN_INPUTS
    produces = (Artifact.RTL, Artifact.DESIGN)
    board_fields = ("dma_width_bits",)
    sources = ("flow/hardware/rtl/src/*.sv", "flow/templates/*.j2")

    def run(self, ctx: StageContext) -> StageResult:
        plan, design = planned_design(ctx)
        design = emit(design, plan, ctx.config.name, ctx.output(Artifact.RTL))
        design.save(ctx.output(Artifact.DESIGN))
        summary = design_summary(design)
        return StageResult(
            metrics=GenerateRtlMetrics(summary, design.identity),
            summary=f"{summary['nodes']} instances, {summary['memory_bits'] / 1e6:.2f} Mbit of "
            f"weights and thresholds, identity {design.identity[:12]}",
        )
