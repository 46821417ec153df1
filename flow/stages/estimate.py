"""Resources and cycles before anything is synthesised."""

from __future__ import annotations

import json
from dataclasses import dataclass

from flow.engine.artifact import Artifact
from flow.engine.metrics import Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.hardware.estimation import design_instances, price, rounded
from flow.stages.planned import DESIGN_INPUTS, planned_design


@dataclass(frozen=True)
class EstimateMetrics(Metrics):
    """What `estimate` measures."""

    total: dict[str, float]
    cycles_per_frame: int
    bottleneck: str


class Estimate(Stage):
    """Add up the cost model over the design, its shell included; name the slowest layer."""

    id = "estimate"
    metrics = EstimateMetrics
    requires = DESIGN_INPUTS
    produces = (Artifact.ESTIMATE,)
    config_fields = ("clock_mhz",)
    board_fields = (
        "default_clock_mhz",
        "ps",
        "dma_width_bits",
        "yosys_family",
        "resources",
        "max_utilisation",
    )
    sources = ("flow/hardware/costs/coefficients.json",)

    def run(self, ctx: StageContext) -> StageResult:
        _, design = planned_design(ctx)
        instances = design_instances(design)
        found = price(design, ctx.board.yosys_family)
        slowest = max(instances, key=lambda instance: instance.cycles)
        total = rounded(found.total)
        fps = ctx.build.clock_mhz * 1e6 / slowest.cycles
        record = {
            "total": total,
            "cycles_per_frame": slowest.cycles,
            "bottleneck": slowest.name,
            "instances": {
                instance.name: {
                    "module": instance.module,
                    "cycles": instance.cycles,
                    **rounded(found.instances[instance.name]),
                }
                for instance in instances
            },
        }
        ctx.output(Artifact.ESTIMATE).write_text(json.dumps(record, indent=1) + "\n")
        return StageResult(
            metrics=EstimateMetrics(total, slowest.cycles, slowest.name),
            summary=f"{total['lut']:,} LUT, {total['bram36']:g} BRAM36, {fps:,.0f} fps ideal, "
            f"{slowest.name} limits",
            report={
                "resources": {"estimate": total},
                "throughput": {
                    "clock_mhz": ctx.build.clock_mhz,
                    "fps_estimate": round(fps, 1),
                    "bottleneck": slowest.name,
                },
            },
        )
