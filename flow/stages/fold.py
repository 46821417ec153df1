"""PE and SIMD of every layer."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.hw.folding import apply_folding, choose_folding, layer_shapes
from flow.stage import Stage, StageContext, StageResult


class Fold(Stage):
    """Choose the smallest parallelism with which every layer meets the target frame rate."""

    id = "fold"
    requires = (Artifact.HARDWARE_GRAPH,)
    produces = (Artifact.FOLDED_GRAPH,)
    config_fields = ("fold", "clock_mhz")
    board_fields = ("default_clock_mhz",)

    def run(self, ctx: StageContext) -> StageResult:
        model = ModelWrapper(str(ctx.input(Artifact.HARDWARE_GRAPH)))
        wanted = {name: (w.pe, w.simd) for name, w in ctx.config.fold.layers.items()}
        clock = ctx.build.clock_mhz
        folding = choose_folding(layer_shapes(model), ctx.config.fold.target_fps, clock, wanted)
        apply_folding(model, folding).save(str(ctx.output(Artifact.FOLDED_GRAPH)))
        fps = clock * 1e6 / folding.bottleneck_cycles
        return StageResult(
            metrics={
                "cycles_per_frame": folding.bottleneck_cycles,
                "layers": {
                    name: {"pe": layer.pe, "simd": layer.simd, "cycles": layer.cycles}
                    for name, layer in folding.layers.items()
                },
            },
            summary=f"{fps:,.0f} fps ideal, {folding.bottleneck} limits with "
            f"{folding.bottleneck_cycles:,} cycles",
            report={
                "throughput": {
                    "clock_mhz": clock,
                    "fps_estimate": round(fps, 1),
                    "bottleneck": folding.bottleneck,
                }
            },
        )
