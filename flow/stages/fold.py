"""PE, SIMD, pixels and weight memory of every layer."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.hardware.folding import (
    Folding,
    Target,
    Wish,
    apply_folding,
    choose_folding,
    layer_shapes,
)
from flow.hw.netlist import Utilisation
from flow.stage import Stage, StageContext, StageResult
from flow.state import Build


class Fold(Stage):
    """Choose the parallelism that reaches the target, or the fastest, within the board's budget."""

    id = "fold"
    requires = (Artifact.HARDWARE_GRAPH,)
    produces = (Artifact.FOLDED_GRAPH, Artifact.FOLDING)
    config_fields = ("fold", "specialize.weights", "clock_mhz", "fifo.depth_words")
    board_fields = (
        "default_clock_mhz",
        "dma_width_bits",
        "yosys_family",
        "resources",
        "max_utilisation",
    )
    packages = ("ortools",)
    sources = ("flow/hw/costs/coefficients.json",)

    def run(self, ctx: StageContext) -> StageResult:
        model = ModelWrapper(str(ctx.input(Artifact.HARDWARE_GRAPH)))
        wanted = {
            name: Wish(w.pe, w.simd, w.pixels, w.style)
            for name, w in ctx.config.fold.layers.items()
        }
        folding = choose_folding(layer_shapes(model), fold_target(ctx.build), wanted)
        apply_folding(model, folding.layers).save(str(ctx.output(Artifact.FOLDED_GRAPH)))
        ctx.output(Artifact.FOLDING).write_text(settings_text(folding), encoding="utf-8")
        clock = ctx.build.clock_mhz
        fps = clock * 1e6 / folding.bottleneck_cycles
        return StageResult(
            metrics={
                "cycles_per_frame": folding.bottleneck_cycles,
                "proven": folding.proven,
                "advice": folding.advice,
                "loadable": folding.loadable,
                "estimate": folding.cost.as_dict(),
                "layers": {
                    name: {
                        "pe": layer.pe,
                        "simd": layer.simd,
                        "pixels": layer.pixels,
                        "style": layer.style,
                        "cycles": layer.cycles,
                    }
                    for name, layer in folding.layers.items()
                },
            },
            summary=f"{fps:,.0f} fps ideal; {folding.advice}",
            report={
                "throughput": {
                    "clock_mhz": clock,
                    "fps_estimate": round(fps, 1),
                    "bottleneck": folding.bottleneck,
                }
            },
        )


def settings_text(folding: Folding) -> str:
    """Return `folding` as sections of a build configuration, which choose it again."""
    parts = [f'[specialize]\nweights = "{"loadable" if folding.loadable else "initialised"}"\n']
    for name, layer in folding.layers.items():
        style = f'style = "{layer.style}"\n' if layer.style != "auto" else ""
        parts.append(
            f"[fold.layers.{name}]\n"
            f"pe = {layer.pe}\nsimd = {layer.simd}\npixels = {layer.pixels}\n{style}"
        )
    return "\n".join(parts)


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
