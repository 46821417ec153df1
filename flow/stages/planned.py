"""The design of a build, from what its stages have written."""

from __future__ import annotations

from flow.engine.artifact import Artifact
from flow.engine.stage import StageContext
from flow.hardware.build import build_design
from flow.hardware.depths import load_depths
from flow.hardware.design import Design
from flow.hardware.folding.data import Folding
from flow.hardware.plan import Plan, plan_hardware
from flow.network import load_network

DESIGN_INPUTS = (Artifact.NETWORK, Artifact.FOLDING, Artifact.FIFO_DEPTHS)


def planned_design(ctx: StageContext) -> tuple[Plan, Design]:
    """Return the plan and the design of a stage that requires `DESIGN_INPUTS`."""
    plan = plan_hardware(load_network(ctx.input(Artifact.NETWORK)))
    folding = Folding.load(ctx.input(Artifact.FOLDING))
    depths = load_depths(ctx.input(Artifact.FIFO_DEPTHS))
    return plan, build_design(plan, folding, depths, ctx.board.dma_width_bits)
