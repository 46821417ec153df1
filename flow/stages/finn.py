"""FINN's reading of the same file, as a second opinion, and what `impl = "hls"` builds from."""

from __future__ import annotations

from dataclasses import dataclass

from flow.engine.artifact import Artifact
from flow.engine.metrics import Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.finn.opinion import ask_finn
from flow.frontend.golden.vectors import GoldenVectors
from flow.network import load_network


@dataclass(frozen=True)
class FinnMetrics(Metrics):
    """What `finn` measures."""

    agrees: bool
    """A second opinion: it decides about `impl = "hls"` only."""
    layers: int
    agreeing: int
    moved_thresholds: int
    mapped: int
    findings: list[str]


class Finn(Stage):
    """Run FINN's tidying, streamlining and mapping on the file; compare it with the network."""

    id = "finn"
    metrics = FinnMetrics
    requires = (Artifact.QONNX_MODEL, Artifact.NETWORK, Artifact.GOLDEN_VECTORS)
    produces = (Artifact.FINN,)
    packages = ("finn-plus", "onnx", "onnxruntime", "qonnx")

    def run(self, ctx: StageContext) -> StageResult:
        folder = ctx.output(Artifact.FINN)
        opinion = ask_finn(
            ctx.input(Artifact.QONNX_MODEL),
            load_network(ctx.input(Artifact.NETWORK)),
            GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS)),
            folder,
            ctx.report_progress,
        )
        opinion.save(folder)
        for finding in opinion.findings:
            ctx.logger.warning("FINN: %s", finding)
        return StageResult(
            metrics=FinnMetrics(
                agrees=opinion.agrees,
                layers=opinion.layers,
                agreeing=opinion.agreeing,
                moved_thresholds=opinion.moved,
                mapped=opinion.mapped,
                findings=opinion.findings,
            ),
            summary=opinion.describe(),
            report={
                "finn": {
                    "agrees": opinion.agrees,
                    "layers": opinion.layers,
                    "agreeing": opinion.agreeing,
                    "moved_thresholds": opinion.moved,
                    "findings": opinion.findings,
                }
            },
        )
