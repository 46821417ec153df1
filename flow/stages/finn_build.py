"""FINN's own HLS build in place of our RTL: for comparison, and for layers we have no RTL for."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from flow.engine.artifact import Artifact
from flow.engine.metrics import IS_ZERO, NOT_NEGATIVE, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.engine.state import Build
from flow.errors import CheckFailed
from flow.finn.folding import apply_folding
from flow.finn.hls import OUTPUT_DIR, missing_finn_tool, plan_finn, read_resources
from flow.finn.opinion import agreed_graph, load_graph
from flow.hardware.folding.data import Folding
from flow.tools import vivado
from flow.tools.process import Plan, execute
from flow.tools.vivado_reports import parse_timing


@dataclass(frozen=True)
class FinnBuildMetrics(Metrics):
    """What `finn_build` measures."""

    wns_ns: Annotated[float, NOT_NEGATIVE]
    whs_ns: Annotated[float, NOT_NEGATIVE]
    failing_endpoints: Annotated[int, IS_ZERO]
    resources: dict[str, float]


class FinnBuild(Stage):
    """Hand the repaired, folded graph to FINN's builder: HLS, stitched IP, Zynq shell, bitfile."""

    id = "finn_build"
    metrics = FinnBuildMetrics
    requires = (Artifact.FINN, Artifact.FOLDING)
    produces = (Artifact.BITSTREAM, Artifact.DEPLOY)
    config_fields = ("impl", "clock_mhz", "fold.target_fps", "vivado.version")
    board_fields = ("name", "default_clock_mhz", "ps")
    packages = ("finn-plus", "onnx", "onnxruntime", "qonnx")

    def needs_tool(self) -> str | None:
        return missing_finn_tool()

    def report_when_skipped(self, reason: str) -> Mapping[str, Any]:
        return {"bitstream": {"status": "skipped", "reason": reason}}

    def commands(self, build: Build, cwd: Path) -> Sequence[Plan]:
        return [plan_finn(build.board, build.clock_mhz, build.config.fold.target_fps, cwd / "finn")]

    def run(self, ctx: StageContext) -> StageResult:
        (plan,) = self.commands(ctx.build, ctx.dir)
        plan.cwd.mkdir()
        folding = Folding.load(ctx.input(Artifact.FOLDING))
        agreed = load_graph(agreed_graph(ctx.input(Artifact.FINN)))
        graph = apply_folding(agreed, folding)
        graph.save(str(plan.cwd / "folded.onnx"))
        execute(
            plan,
            log=plan.cwd / "finn.log",
            timeout_s=ctx.config.vivado.timeout_s,
            first_error=vivado.first_error,
        )
        results = plan.cwd / OUTPUT_DIR
        bitfiles = sorted((results / "bitfile").glob("finn-accel.*"))
        if {path.suffix for path in bitfiles} != {".bit", ".hwh"}:
            raise CheckFailed(
                f"finn_build: FINN ended well but left {[p.name for p in bitfiles]} instead of a "
                ".bit and a .hwh; see finn/finn.log in the stage's folder"
            )
        for path in bitfiles:
            shutil.copyfile(path, ctx.output(Artifact.BITSTREAM) / path.name)
        shutil.copytree(results / "deploy", ctx.output(Artifact.DEPLOY), dirs_exist_ok=True)
        reports = results / "report"
        timing = parse_timing((reports / "post_route_timing.rpt").read_text())
        resources = read_resources(reports / "post_synth_resources.json")
        measured = {"wns_ns": timing.wns_ns, "whs_ns": timing.whs_ns}
        return StageResult(
            metrics=FinnBuildMetrics(
                timing.wns_ns, timing.whs_ns, timing.failing_endpoints, resources
            ),
            summary=f"{timing.wns_ns:+.3f} ns slack at {ctx.build.clock_mhz:g} MHz, by FINN",
            report={
                "resources": {
                    "vivado": {**resources, **measured, "clock_mhz": ctx.build.clock_mhz}
                },
                "bitstream": {
                    "status": "done",
                    "path": f"{ctx.build.stage_dir(self.id).name}/bitstream/finn-accel.bit",
                },
            },
        )
