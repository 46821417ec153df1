"""The whole accelerator, cycle by cycle, against golden."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import Annotated

from flow.check import rtlsim
from flow.check.compare import check_accelerator
from flow.check.simulator import kept_simulator
from flow.engine.artifact import Artifact
from flow.engine.metrics import AT_LEAST_ONE, IS_TRUE, Gate, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.design import Design
from flow.network import load_network

NO_GAPS = Gate(
    lambda value: value is None or float(value) <= 1.01,
    "must be at most 1.01 (cycles a frame over those of the slowest layer alone)",
)


@dataclass(frozen=True)
class RtlsimMetrics(Metrics):
    """What `rtlsim` measures."""

    images: Annotated[int, AT_LEAST_ONE]
    bit_exact: Annotated[bool, IS_TRUE]
    slowdown: Annotated[float | None, NO_GAPS]
    """None: the source was paused at random, or there are too few frames."""
    streams: int
    words: int
    cycles_per_frame: float | None
    ideal_cycles: int
    latency_cycles: int
    load_cycles: int | None
    cycles: int
    sim_seconds: float
    stalls: dict[str, int]
    """Cycles in which a word of the stream waited."""
    high_water: dict[str, int]
    """Most words that each FIFO held."""


class Rtlsim(Stage):
    """Compile the accelerator with Verilator, run the golden images, compare every stream."""

    id = "rtlsim"
    metrics = RtlsimMetrics
    requires = (
        Artifact.RTL,
        Artifact.DESIGN,
        Artifact.SIMULATOR,
        Artifact.NETWORK,
        Artifact.GOLDEN_VECTORS,
    )
    produces = (Artifact.RTLSIM_BINARY, Artifact.RTLSIM_RESULT)
    config_fields = ("rtlsim", "verify", "clock_mhz")
    board_fields = ("default_clock_mhz", "ps")
    packages = ("verilator",)
    sources = ("flow/check/harness.cpp",)

    def run(self, ctx: StageContext) -> StageResult:
        design = Design.load(ctx.input(Artifact.DESIGN))
        rtl = ctx.input(Artifact.RTL)
        design.check_memories(rtl)
        kept = kept_simulator(design, rtl, ctx.input(Artifact.SIMULATOR))
        if kept is None:
            ctx.report_progress(0, None, "compiling the simulation")
            timeout_s = ctx.config.rtlsim.timeout_s
            kept = rtlsim.build(design, rtl, ctx.dir / "verilated", timeout_s=timeout_s)
        shutil.copy2(kept, ctx.output(Artifact.RTLSIM_BINARY))
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        vectors = vectors.first(ctx.config.rtlsim_images)
        network = load_network(ctx.input(Artifact.NETWORK))
        result, outcome = check_accelerator(
            design,
            rtl,
            ctx.output(Artifact.RTLSIM_BINARY),
            network,
            vectors,
            ctx.config,
            ctx.report_progress,
        )
        cycles = result.cycles_per_frame
        fps = ctx.build.clock_mhz * 1e6 / cycles if cycles else None
        slowdown = None
        if cycles is not None and not ctx.config.rtlsim.stall_percent:
            slowdown = round(cycles / design.bottleneck.ideal_cycles, 4)
        record = RtlsimMetrics(
            slowdown=slowdown,
            images=len(vectors.images),
            bit_exact=not outcome.difference,
            streams=outcome.streams,
            words=outcome.words,
            cycles_per_frame=cycles,
            ideal_cycles=design.bottleneck.ideal_cycles,
            latency_cycles=result.latency_cycles,
            load_cycles=result.load_cycles,
            cycles=result.cycles,
            sim_seconds=round(result.seconds, 3),
            stalls=dict(result.stalls),
            high_water=dict(result.high_water),
        )
        ctx.output(Artifact.RTLSIM_RESULT).write_text(json.dumps(record.as_dict(), indent=1) + "\n")
        report = {
            "images": len(vectors.images),
            "bit_exact": not outcome.difference,
            "latency_cycles": result.latency_cycles,
            "sim_seconds": round(result.seconds, 3),
            "sim_cycles_per_second": round(result.cycles / result.seconds),
        }
        if result.load_cycles is not None:
            report["load_cycles"] = result.load_cycles
        throughput = {}
        if cycles and fps:
            report["cycles_per_frame"] = round(cycles)
            throughput = {"fps_rtlsim": round(fps, 1)}
        speed = f", {cycles:,.0f} cycles a frame = {fps:,.0f} fps" if cycles and fps else ""
        return StageResult(
            metrics=record,
            summary=f"{outcome.describe(len(vectors.images))}{speed}",
            detail=outcome.difference,
            report={"verify": {"rtlsim": report}, "throughput": throughput},
        )
