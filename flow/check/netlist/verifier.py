"""`flow verify --netlist`: map the built accelerator and run the netlist beside its RTL."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from flow.check.compare import expected_words
from flow.check.netlist.design import accelerator_of, traffic_of
from flow.check.netlist.whole import build as build_program
from flow.check.netlist.whole import map_whole, simulate
from flow.engine.artifact import Artifact
from flow.engine.verify import Verifier, VerifyOptions, VerifyResult, golden_images
from flow.errors import CheckFailed
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.design import Design
from flow.hardware.synthesis.utilisation import widest_net
from flow.network import load_network

if TYPE_CHECKING:
    from flow.engine.state import Build

IMAGES = 2
"""As many as are run if none are asked for: a netlist is slower than RTL."""
_SEED = 1
_COUNTERS = {"frames in": 0x14, "frames out": 0x18}


class NetlistVerifier(Verifier):
    """Compare every port, monitored stream and register of the mapped netlist with the RTL's."""

    id = "netlist"

    def run(self, build: Build, options: VerifyOptions) -> VerifyResult:
        design = Design.load(build.artifact(Artifact.DESIGN))
        rtl = build.artifact(Artifact.RTL)
        if options.hash_check:
            design.check_memories(rtl)
        vectors = GoldenVectors.load(build.artifact(Artifact.GOLDEN_VECTORS))
        default = min(IMAGES, len(vectors.images))
        count = golden_images(options.images, len(vectors.images), default)
        vectors = vectors.first(count)
        network = load_network(build.artifact(Artifact.NETWORK))
        scores = expected_words(network, design, vectors.images)[design.output_stream.name]
        family = build.board.yosys_family
        timeout_s = build.config.synthesize.timeout_s
        accelerator = accelerator_of(design, rtl)
        traffic = traffic_of(design, rtl, vectors.images, scores)
        # Kept after an error: its message names a log.
        folder = Path(tempfile.mkdtemp(prefix="bnnflow-netlist-"))
        netlist = map_whole(accelerator, family, folder / family, timeout_s)
        program = build_program(
            accelerator,
            {family: netlist},
            traffic,
            folder,
            patience=8 * design.bottleneck.ideal_cycles + 20_000,
            timeout_s=timeout_s,
        )
        try:
            done = simulate(program, folder, 0, _SEED, build.config.rtlsim.timeout_s)
        except CheckFailed as error:
            return _failed(str(error))
        for name, address in _COUNTERS.items():
            if done.registers[address] != count:
                return _failed(f"netlist: {done.registers[address]} {name}, {count} were sent")
        widest = widest_net(netlist)
        line = (
            f"netlist: {len(netlist['cells']):,} cells on {family}, {len(design.streams)} streams "
            f"and {len(done.registers)} registers of {count} images equal to the RTL, scores to "
            f"golden; widest net {widest.name}, {widest.loads:,} loads"
        )
        found = {
            "images": count,
            "bit_exact": True,
            "family": family,
            "cells": len(netlist["cells"]),
            "widest_net": widest.name,
            "widest_net_loads": widest.loads,
        }
        report = {"verify": {"netlist": found}}
        return VerifyResult(line, ok=True, report=report)


def _failed(line: str) -> VerifyResult:
    return VerifyResult(line, ok=False, report={"verify": {"netlist": {"bit_exact": False}}})
