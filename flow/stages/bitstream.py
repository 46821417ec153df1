"""Place and route: the one step that needs the vendor's tools and hours."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from flow.board import Board
from flow.engine.artifact import Artifact
from flow.engine.metrics import IS_ZERO, NOT_ABOVE_ONE, NOT_NEGATIVE, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.engine.state import Build
from flow.stages.netlist import (
    first_of,
    kept_dir,
    missing_vivado,
    vivado_job,
    vivado_or_its_name,
)
from flow.tools import vivado
from flow.tools.process import Plan
from flow.tools.vivado_kept import KeptRun
from flow.tools.vivado_reports import (
    Used,
    critical_warnings,
    how_to_waive,
    parse_power,
    parse_timing,
    parse_utilisation,
    waived_warnings,
)

BITSTREAM_STEM = "accelerator"
"""PYNQ wants .bit and .hwh under one name."""


@dataclass(frozen=True)
class BitstreamMetrics(Metrics):
    """What `bitstream` measures."""

    vivado: str
    wns_ns: Annotated[float, NOT_NEGATIVE]
    tns_ns: float
    whs_ns: Annotated[float, NOT_NEGATIVE]
    failing_endpoints: Annotated[int, IS_ZERO]
    utilisation: Annotated[float, NOT_ABOVE_ONE]
    critical_warnings: Annotated[int, IS_ZERO]
    latches: Annotated[int, IS_ZERO]
    power_w: float
    clock_mhz: float
    ps_clock_mhz: float
    resources: dict[str, float]


class Bitstream(Stage):
    """Place and route the netlist for the board; timing, utilisation and warnings are gates."""

    id = "bitstream"
    metrics = BitstreamMetrics
    requires = (Artifact.NETLIST,)
    produces = (Artifact.BITSTREAM,)
    config_fields = ("clock_mhz", "vivado.version")
    board_fields = ("default_clock_mhz", "ps")
    sources = ("board/common/*.tcl", "flow/templates/vivado/*.j2")

    def needs_tool(self) -> str | None:
        return missing_vivado()

    def report_when_skipped(self, reason: str) -> Mapping[str, Any]:
        return {"bitstream": {"status": "skipped", "reason": reason}}

    def external_files(self, build: Build) -> Mapping[str, Path]:
        return vivado.board_scripts(build.board)

    def commands(self, build: Build, cwd: Path) -> Sequence[Plan]:
        program, job = vivado_or_its_name(build), vivado_job(build)
        return [vivado.plan_implementation(program, job, cwd / "vivado")]

    def run(self, ctx: StageContext) -> StageResult:
        program = vivado.Vivado.locate(ctx.config.vivado.version)
        netlist, folder = ctx.input(Artifact.NETLIST), ctx.dir / "vivado"
        folder.mkdir()
        shutil.copyfile(netlist / "synthesised.dcp", folder / "synthesised.dcp")
        plan = vivado.plan_implementation(program, vivado_job(ctx.build), folder)
        kept = KeptRun(
            kept_dir(ctx),
            plan,
            program.version(),
            [folder / "synthesised.dcp"],
            (f"{vivado.DESIGN}.bit", "*.rpt"),
        )
        waived = waived_warnings(ctx.config.vivado.waive)
        printed = kept.restore(lambda text: not critical_warnings(text, waived))
        if printed is None:
            printed = vivado.run_vivado(
                plan,
                timeout_s=ctx.config.vivado.timeout_s,
                step=lambda text: ctx.report_progress(0, None, text),
            ).output
        warnings = critical_warnings(printed, waived)
        if warnings:
            kept.keep(printed)
        output = ctx.output(Artifact.BITSTREAM)
        shutil.move(folder / f"{vivado.DESIGN}.bit", output / f"{BITSTREAM_STEM}.bit")
        shutil.copyfile(netlist / f"{vivado.DESIGN}.hwh", output / f"{BITSTREAM_STEM}.hwh")
        timing = parse_timing((folder / "timing.rpt").read_text())
        used = parse_utilisation((folder / "utilization.rpt").read_text())
        power = parse_power((folder / "power.rpt").read_text())
        period_ns = float(vivado.measured_values(printed)["ps_period_ns"])
        resources = {name: row.used for name, row in used.items() if name != "latch"}
        clock_mhz = ctx.build.clock_mhz
        return StageResult(
            metrics=BitstreamMetrics(
                vivado=program.version(),
                wns_ns=timing.wns_ns,
                tns_ns=timing.tns_ns,
                whs_ns=timing.whs_ns,
                failing_endpoints=timing.failing_endpoints,
                utilisation=round(max(row.share for row in used.values()), 4),
                critical_warnings=sum(warnings.values()),
                latches=int(used["latch"].used),
                power_w=power.total_w,
                clock_mhz=clock_mhz,
                ps_clock_mhz=round(1000 / period_ns, 3),
                resources=resources,
            ),
            summary=f"{timing.wns_ns:+.3f} ns slack at {clock_mhz:g} MHz, "
            f"{used['lut'].used:,.0f} LUTs, {power.total_w:.2f} W estimated",
            detail=first_of(
                [*_too_slow(timing.wns_ns, clock_mhz, ctx.board), *_too_big(used), *warnings]
            )
            + how_to_waive(warnings),
            report={
                "resources": {
                    "vivado": {
                        **resources,
                        "version": program.version(),
                        "clock_mhz": clock_mhz,
                        "wns_ns": timing.wns_ns,
                        "whs_ns": timing.whs_ns,
                        "power_w": power.total_w,
                    }
                },
                "bitstream": {
                    "status": "done",
                    "path": (
                        f"{ctx.build.stage_dir(self.id).name}/{Artifact.BITSTREAM.filename}/"
                        f"{BITSTREAM_STEM}.bit"
                    ),
                },
            },
        )


def _too_slow(wns_ns: float, clock_mhz: float, board: Board) -> list[str]:
    """Return what to do about negative slack: the clock of this board that the result reaches."""
    if wns_ns >= 0:
        return []
    reachable = board.clock_mhz(1000 / (1000 / clock_mhz - wns_ns))
    return [
        f"the longest path is {-wns_ns:.3f} ns too long for {clock_mhz:g} MHz; this result would "
        f"run at {reachable:g} MHz (--set clock_mhz={reachable:g}); worst paths: "
        "vivado/timing.rpt in the stage's folder"
    ]


def _too_big(used: Mapping[str, Used]) -> list[str]:
    return [
        f"{row.used:g} {name} of {row.available:,}"
        for name, row in used.items()
        if row.used > row.available
    ]
