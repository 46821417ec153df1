"""`flow verify --rtlsim`: repeat the comparison on what was built, nothing else."""

from __future__ import annotations

from flow.check.compare import check_accelerator
from flow.engine.artifact import Artifact
from flow.engine.state import Build
from flow.engine.verify import Verifier, VerifyOptions, VerifyResult, golden_images
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.design import Design
from flow.network import load_network


class RtlsimVerifier(Verifier):
    """Simulate the golden images on the built accelerator and compare every stream."""

    id = "rtlsim"

    def run(self, build: Build, options: VerifyOptions) -> VerifyResult:
        design = Design.load(build.artifact(Artifact.DESIGN))
        rtl = build.artifact(Artifact.RTL)
        if options.hash_check:
            design.check_memories(rtl)
        vectors = GoldenVectors.load(build.artifact(Artifact.GOLDEN_VECTORS))
        count = golden_images(options.images, len(vectors.images), build.config.rtlsim_images)
        vectors = vectors.first(count)
        network = load_network(build.artifact(Artifact.NETWORK))
        result, outcome = check_accelerator(
            design, rtl, build.artifact(Artifact.RTLSIM_BINARY), network, vectors, build.config
        )
        images = len(vectors.images)
        line = f"rtlsim: {outcome.describe(images)}, {result.cycles:,} cycles"
        report = {"verify": {"rtlsim": {"images": images, "bit_exact": not outcome.difference}}}
        if outcome.difference:
            return VerifyResult(f"rtlsim: {outcome.difference}", ok=False, report=report)
        return VerifyResult(line, ok=True, report=report)
