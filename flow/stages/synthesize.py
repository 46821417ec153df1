"""yosys over every kernel of the design: what the accelerator takes, and whether it fits."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from flow.board import ResourceCounts
from flow.engine.artifact import Artifact
from flow.engine.metrics import IS_TRUE, Gate, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.hardware.design import Design
from flow.hardware.estimation import DesignCost, design_instances, rounded
from flow.hardware.synthesis.distance import WIDE
from flow.hardware.synthesis.levels import allowed_levels
from flow.hardware.synthesis.mapping import Kernel, Mapped, cache_dir, map_kernels
from flow.tools import yosys

FOUR_LEVELS = Gate(lambda value: int(value) <= 4, "must be at most 4")
NOT_ACROSS_THE_DEVICE = Gate(
    lambda value: int(value) <= WIDE.most_loads,
    f"must be at most {WIDE.most_loads}: a net of more loads reaches across the device",
)


@dataclass(frozen=True)
class SynthesizeMetrics(Metrics):
    """What `synthesize` measures."""

    total: dict[str, float]
    logic_levels: Annotated[int, FOUR_LEVELS]
    allowed_levels: int
    """By the clock and the part; for the report."""
    fits: Annotated[bool, IS_TRUE]
    levels_over: int
    reach: int
    """Logic levels of the path that is longest with the distance of its nets; for the report."""
    widest_net_loads: Annotated[int, NOT_ACROSS_THE_DEVICE]
    widest_net: str


class Synthesize(Stage):
    """Map each distinct kernel with yosys (kept by content), add up, judge depth and fit."""

    id = "synthesize"
    metrics = SynthesizeMetrics
    requires = (Artifact.RTL, Artifact.DESIGN)
    produces = (Artifact.SYNTHESIS,)
    config_fields = ("synthesize", "clock_mhz")
    board_fields = ("yosys_family", "resources", "default_clock_mhz", "ps", "part")
    packages = ("pyosys",)

    def needs_tool(self) -> str | None:
        return yosys.missing()

    def run(self, ctx: StageContext) -> StageResult:
        design = Design.load(ctx.input(Artifact.DESIGN))
        settings = ctx.config.synthesize
        instances = design_instances(design)
        kernels = {i.name: Kernel.of(i.module, i.parameters) for i in instances}
        mapped = map_kernels(
            kernels.values(),
            ctx.input(Artifact.RTL),
            ctx.board.yosys_family,
            cache=cache_dir(),
            jobs=settings.jobs,
            timeout_s=settings.timeout_s,
            progress=ctx.report_progress,
        )
        found = DesignCost({name: mapped[kernel].utilisation for name, kernel in kernels.items()})
        total = rounded(found.total)
        deepest = max(kernels, key=lambda name: mapped[kernels[name]].logic_levels)
        levels = mapped[kernels[deepest]].logic_levels
        farthest = max(kernels, key=lambda name: mapped[kernels[name]].reach)
        reach = mapped[kernels[farthest]].reach
        net, loads = _widest_net(kernels, mapped, len(design.nodes) + design.loadable)
        allowed = allowed_levels(ctx.board.part, ctx.build.clock_mhz)
        used = ResourceCounts(**{name: math.ceil(count) for name, count in total.items()})
        over = ctx.board.device.exceeded_by(used)
        record = {
            "total": total,
            "logic_levels": levels,
            "allowed_levels": allowed,
            "deepest": {"instance": deepest, "cells": mapped[kernels[deepest]].path},
            "reach": {"instance": farthest, "levels": reach},
            "widest_net": {"net": net, "loads": loads},
            "fits": not over,
            "instances": {
                name: {
                    "module": kernel.module,
                    "logic_levels": mapped[kernel].logic_levels,
                    "reach": mapped[kernel].reach,
                    "widest_net_loads": mapped[kernel].widest_net_loads,
                    **rounded(mapped[kernel].utilisation),
                }
                for name, kernel in kernels.items()
            },
        }
        ctx.output(Artifact.SYNTHESIS).write_text(json.dumps(record, indent=1) + "\n")
        runs = sum(not result.cached for result in mapped.values())
        return StageResult(
            metrics=SynthesizeMetrics(
                total=total,
                logic_levels=levels,
                allowed_levels=allowed,
                fits=not over,
                levels_over=max(0, levels - allowed),
                reach=reach,
                widest_net_loads=loads,
                widest_net=net,
            ),
            summary=f"{total['lut']:,} LUT, {total['ff']:,} FF, {total['bram36']:g} BRAM36, "
            f"{levels} logic levels ({deepest}), widest net {loads:,} loads; "
            f"{len(mapped)} kernels, {runs} mapped now",
            detail=f"{ctx.board.name}: {'; '.join(over)}"
            if over
            else f"{deepest}: {' '.join(mapped[kernels[deepest]].path)}; longest with its nets: "
            f"{farthest}; widest net: {net}",
            report={
                "resources": {
                    "yosys": {**total, "logic_levels": levels, "widest_net_loads": loads},
                    "fits": not over,
                },
            },
        )


def _widest_net(
    kernels: Mapping[str, Kernel], mapped: Mapping[Kernel, Mapped], resets: int
) -> tuple[str, int]:
    """Return the net with the most loads, and how many.

    A net from kernel to kernel is a word's bit or a handshake; only the reset meets all of them,
    in a register each (`bnn_reset`), beside what it drives in the shell.
    """
    name = max(kernels, key=lambda each: mapped[kernels[each]].widest_net_loads)
    widest = mapped[kernels[name]]
    if resets > widest.widest_net_loads:
        return "the reset of the kernels' resets", resets
    return f"{name}: {widest.widest_net}", widest.widest_net_loads
