"""Place and route: the one step that needs the vendor's tools."""

from __future__ import annotations

import shutil

from flow.artifact import Artifact
from flow.errors import UserError
from flow.stage import Stage, StageContext, StageResult


class Bitstream(Stage):
    """Build .bit and .hwh with Vivado; skipped by name where there is none."""

    id = "bitstream"
    requires = (Artifact.RTL, Artifact.DESIGN)
    produces = (Artifact.BITSTREAM,)

    def needs_tool(self) -> str | None:
        if shutil.which("vivado") is None:
            return "Vivado was not found on PATH; everything up to place and route is complete"
        return None

    def run(self, ctx: StageContext) -> StageResult:
        raise UserError(
            "bitstream: the block design for Vivado is not part of this version; the verified RTL "
            f"is in {ctx.input(Artifact.RTL)} and can be synthesised as module "
            "bnn_top"
        )
