"""`flow verify --python`: the network, computed in NumPy, against the golden model again."""

from __future__ import annotations

from flow.engine.artifact import Artifact
from flow.engine.state import Build
from flow.engine.verify import Verifier, VerifyOptions, VerifyResult, golden_images
from flow.frontend.compare import compare_with_golden
from flow.frontend.golden import GoldenModel
from flow.frontend.golden.vectors import GoldenVectors
from flow.network import load_network


class PythonVerifier(Verifier):
    """Compare every edge of the network that golden knows, the scores included."""

    id = "python"

    def run(self, build: Build, options: VerifyOptions) -> VerifyResult:
        network = load_network(build.artifact(Artifact.NETWORK))
        golden = GoldenModel.load(build.artifact(Artifact.GOLDEN_MODEL))
        vectors = GoldenVectors.load(build.artifact(Artifact.GOLDEN_VECTORS))
        count = golden_images(options.images, len(vectors.images), len(vectors.images))
        outcome = compare_with_golden(network, golden, vectors.images[:count])
        equal = f"equal to golden in {outcome.tensors} tensors on {outcome.images} images"
        line = f"python: {equal if outcome.bit_exact else outcome.difference}"
        report = {"images": outcome.images, "bit_exact": outcome.bit_exact}
        return VerifyResult(line, ok=outcome.bit_exact, report={"verify": {"python": report}})
