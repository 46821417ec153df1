"""Block design and Vivado's synthesis: the accelerator among PS, DMA and interconnect."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from flow.engine.artifact import Artifact
from flow.engine.metrics import IS_ZERO, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.engine.state import UNFINISHED_SUFFIX, Build
from flow.errors import UserError
from flow.tools import vivado, vivado_reports
from flow.tools.process import Plan
from flow.tools.vivado_kept import KeptRun

ACCELERATOR = "bnn_accel"
"""The generated top. Named, not imported: with an import every change in flow.hardware would repeat
hours of synthesis, also where the RTL stays the same."""

SYNTHESIS_FILES = ("synthesised.dcp", f"{vivado.DESIGN}.hwh", "utilization_synth.rpt")


def vivado_job(build: Build) -> vivado.Job:
    """Return what Vivado is to build for a build."""
    settings = build.config.vivado
    return vivado.Job(
        name=build.config.name,
        board=build.board,
        clock_mhz=build.clock_mhz,
        accelerator=ACCELERATOR,
        jobs=settings.jobs,
        board_files=settings.board_files,
    )


def vivado_or_its_name(build: Build) -> vivado.Vivado:
    """Return the Vivado a build would use; a plan is also of use where there is none."""
    try:
        return vivado.Vivado.locate(build.config.vivado.version)
    except UserError:
        return vivado.Vivado(Path("vivado"))


def missing_vivado() -> str | None:
    """Return why place and route cannot run on this machine, or None."""
    try:
        vivado.Vivado.locate()
    except UserError as error:
        return f"{error}; everything up to place and route is complete without it"
    return None


@dataclass(frozen=True)
class NetlistMetrics(Metrics):
    """What `netlist` measures."""

    vivado: str
    critical_warnings: Annotated[int, IS_ZERO]
    latches: Annotated[int, IS_ZERO]
    used: dict[str, float]


class Netlist(Stage):
    """Make the block design around the verified RTL and synthesise it; needs Vivado."""

    id = "netlist"
    metrics = NetlistMetrics
    requires = (Artifact.RTL,)
    produces = (Artifact.NETLIST,)
    config_fields = ("clock_mhz", "vivado.version", "vivado.board_files")
    board_fields = ("part", "default_clock_mhz", "dma_width_bits", "ps")
    sources = ("board/common/*.tcl", "flow/templates/vivado/*.j2")

    def needs_tool(self) -> str | None:
        return missing_vivado()

    def external_files(self, build: Build) -> Mapping[str, Path]:
        return vivado.board_scripts(build.board)

    def commands(self, build: Build, cwd: Path) -> Sequence[Plan]:
        plan = vivado.plan_synthesis(vivado_or_its_name(build), vivado_job(build), cwd / "vivado")
        return [plan]

    def run(self, ctx: StageContext) -> StageResult:
        program = vivado.Vivado.locate(ctx.config.vivado.version)
        folder = ctx.dir / "vivado"
        shutil.copytree(ctx.input(Artifact.RTL), folder / "rtl")
        plan = vivado.plan_synthesis(program, vivado_job(ctx.build), folder)
        waived = vivado_reports.waived_warnings(ctx.config.vivado.waive)
        kept = KeptRun(
            kept_dir(ctx), plan, program.version(), (folder / "rtl").iterdir(), SYNTHESIS_FILES
        )
        log = kept.restore(lambda text: not vivado_reports.critical_warnings(text, waived))
        if log is None:
            done = vivado.run_vivado(
                plan,
                timeout_s=ctx.config.vivado.timeout_s,
                step=lambda text: ctx.report_progress(0, None, text),
            )
            log = done.output + _run_log(folder)
        warnings = vivado_reports.critical_warnings(log, waived)
        if warnings:
            kept.keep(log)
        netlist = ctx.output(Artifact.NETLIST)
        for name in SYNTHESIS_FILES:
            shutil.move(folder / name, netlist / name)
        used = vivado_reports.parse_utilisation((netlist / "utilization_synth.rpt").read_text())
        latches = vivado_reports.inferred_latches(log)
        return StageResult(
            metrics=NetlistMetrics(
                vivado=program.version(),
                critical_warnings=sum(warnings.values()),
                latches=int(max(len(latches), used["latch"].used)),
                used={name: row.used for name, row in used.items()},
            ),
            summary=f"{used['lut'].used:,.0f} LUTs, {used['bram36'].used:g} block RAMs before "
            "place and route",
            detail=first_of([*warnings, *(f"latch for {name}" for name in latches)])
            + vivado_reports.how_to_waive(warnings),
        )


def kept_dir(ctx: StageContext) -> Path:
    """Return where Vivado's results lie that a critical warning stopped (see KeptRun)."""
    return ctx.dir.with_name(ctx.dir.name.removesuffix(UNFINISHED_SUFFIX) + ".warned")


def first_of(findings: Sequence[str]) -> str:
    """Return a line that names the first finding."""
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"First: {findings[0]}{more}" if findings else ""


def _run_log(folder: Path) -> str:
    """Return the log of the synthesis run: Vivado runs it in a process of its own."""
    logs = sorted(folder.glob("project/*.runs/synth_1/runme.log"))
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in logs)
