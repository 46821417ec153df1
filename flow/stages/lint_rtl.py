"""Verilator -Wall over the whole accelerator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from flow.engine.artifact import Artifact
from flow.engine.metrics import IS_ZERO, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.hardware.design import Design
from flow.hardware.sources import LINT_WAIVERS
from flow.tools.process import execute
from flow.tools.verilator import Verilator, first_error

_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class LintMetrics(Metrics):
    """What `lint_rtl` measures."""

    files: int
    warnings: Annotated[int, IS_ZERO]


class LintRtl(Stage):
    """Lint the top and every kernel in it; a warning that no waiver names is an error."""

    id = "lint_rtl"
    metrics = LintMetrics
    requires = (Artifact.RTL, Artifact.DESIGN)
    produces = (Artifact.LINT_REPORT,)
    packages = ("verilator",)
    sources = ("flow/hardware/rtl/lint/*.vlt",)

    def run(self, ctx: StageContext) -> StageResult:
        design = Design.load(ctx.input(Artifact.DESIGN))
        rtl = ctx.input(Artifact.RTL)
        plan = Verilator.locate().plan_lint(
            [LINT_WAIVERS, *(rtl / name for name in [*design.sources, *design.shell.sources])],
            top=design.shell.top,
            cwd=rtl,
        )
        log = ctx.dir / "lint.log"
        completed = execute(plan, log=log, timeout_s=_TIMEOUT_S, first_error=first_error)
        warnings = [line for line in completed.output.splitlines() if line.startswith("%Warning")]
        report = {"files": design.sources, "warnings": warnings}
        ctx.output(Artifact.LINT_REPORT).write_text(json.dumps(report, indent=1) + "\n")
        return StageResult(
            metrics=LintMetrics(files=len(design.sources), warnings=len(warnings)),
            summary=f"{len(design.sources)} files, {len(warnings)} warnings",
            detail=warnings[0] if warnings else "",
        )
