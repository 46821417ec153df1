"""`flow verify --netlist`: repeat the simulation of what `netlist_sim` mapped, nothing else."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from flow.check.netlist import program
from flow.engine.artifact import Artifact
from flow.engine.verify import Verifier, VerifyOptions, VerifyResult
from flow.errors import UserError
from flow.hardware.design import Design
from flow.paths import shown

if TYPE_CHECKING:
    from flow.engine.state import Build


class NetlistVerifier(Verifier):
    """Compare every port, monitored stream and register of the mapped netlist with the RTL's."""

    id = "netlist"

    def run(self, build: Build, options: VerifyOptions) -> VerifyResult:
        stage = build.pipeline.producer(Artifact.NETLIST_SIM)
        if build.record(stage) is None:
            raise UserError(
                f"{shown(build.dir)}: no netlist has been simulated here; run: flow build "
                f"{build.asked} --set netlist_sim.images={options.images or 2}"
            )
        if options.hash_check:
            design = Design.load(build.artifact(Artifact.DESIGN))
            design.check_memories(build.artifact(Artifact.RTL))
        kept = build.artifact(Artifact.NETLIST_SIM)
        mapped = program.load(kept)
        if options.images not in (None, mapped.images):
            raise UserError(
                f"verify: {options.images} images are asked for, the netlist's program holds "
                f"{mapped.images}; build with --set netlist_sim.images={options.images}"
            )
        # Kept after an error: its message names the log.
        log = Path(tempfile.mkdtemp(prefix="bnnflow-netlist-")) / "run.log"
        found = program.run(kept, log, build.config.netlist_sim.timeout_s)
        exact = not found.difference
        part = {**asdict(mapped), "bit_exact": exact, "sim_seconds": round(found.seconds, 3)}
        line = found.describe(mapped) if exact else found.difference
        return VerifyResult(f"netlist: {line}", ok=exact, report={"verify": {"netlist": part}})
