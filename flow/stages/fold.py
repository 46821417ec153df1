"""PE, SIMD, pixels and weight memory of every layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flow.engine.artifact import Artifact
from flow.engine.metrics import Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.engine.state import Build
from flow.hardware.folding import Target, Wish, choose_folding
from flow.hardware.plan import plan_hardware
from flow.hardware.synthesis.utilisation import Utilisation
from flow.network import load_network


@dataclass(frozen=True)
class FoldMetrics(Metrics):
    """What `fold` measures."""

    cycles_per_frame: int
    proven: bool
    advice: str
    loadable: bool
    estimate: dict[str, float]
    layers: dict[str, dict[str, Any]]


class Fold(Stage):
    """Choose the parallelism that reaches the target, or the fastest, within the board's budget."""

    id = "fold"
    metrics = FoldMetrics
    requires = (Artifact.NETWORK,)
    produces = (Artifact.FOLDING,)
    config_fields = ("fold", "specialize.weights", "clock_mhz", "fifo.depth_words")
    board_fields = (
        "default_clock_mhz",
        "ps",
        "dma_width_bits",
        "yosys_family",
        "resources",
        "max_utilisation",
    )
    packages = ("ortools",)
    sources = ("flow/hardware/costs/coefficients.json",)

    def run(self, ctx: StageContext) -> StageResult:
        plan = plan_hardware(load_network(ctx.input(Artifact.NETWORK)))
        wanted = {
            name: Wish(w.pe, w.simd, w.pixels, w.style)
            for name, w in ctx.config.fold.layers.items()
        }
        choice = choose_folding(plan.layers, fold_target(ctx.build), wanted)
        ctx.output(Artifact.FOLDING).write_text(choice.folding.to_toml(), encoding="utf-8")
        clock = ctx.build.clock_mhz
        fps = clock * 1e6 / choice.bottleneck_cycles
        return StageResult(
            metrics=FoldMetrics(
                cycles_per_frame=choice.bottleneck_cycles,
                proven=choice.proven,
                advice=choice.advice,
                loadable=choice.loadable,
                estimate=choice.cost.as_dict(),
                layers={
                    name: {
                        "pe": layer.pe,
                        "simd": layer.simd,
                        "pixels": layer.pixels,
                        "style": layer.style,
                        "cycles": layer.cycles,
                    }
                    for name, layer in choice.layers.items()
                },
            ),
            summary=f"{fps:,.0f} fps ideal; {choice.advice}",
            report={
                "throughput": {
                    "clock_mhz": clock,
                    "fps_estimate": round(fps, 1),
                    "bottleneck": choice.bottleneck,
                }
            },
        )


def fold_target(build: Build) -> Target:
    """Return what a build folds for."""
    fold = build.config.fold
    return Target(
        fold.target_fps,
        build.clock_mhz,
        build.board.yosys_family,
        Utilisation(**build.board.budget.model_dump()),
        build.board.name,
        fold.objective,
        build.config.fifo.depth_words,
        build.board.dma_width_bits,
        build.config.specialize.weights,
    )
