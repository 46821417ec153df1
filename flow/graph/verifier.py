"""`flow verify --python`: the hardware graph, executed layer by layer in Python, again."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.golden.vectors import GoldenVectors
from flow.graph.check import compare_with_golden
from flow.state import Build
from flow.verify import Verifier, VerifyOptions, VerifyResult, golden_images


class PythonVerifier(Verifier):
    """Compare every activation and score of the graph of RTL layers with the golden vectors."""

    id = "python"

    def run(self, build: Build, options: VerifyOptions) -> VerifyResult:
        model = ModelWrapper(str(build.artifact(Artifact.SPECIALIZED_GRAPH)))
        vectors = GoldenVectors.load(build.artifact(Artifact.GOLDEN_VECTORS))
        count = golden_images(options.images, len(vectors.images), len(vectors.images))
        outcome = compare_with_golden(model, vectors.first(count), takes_pixels=True)
        equal = f"equal to golden in {outcome.tensors} tensors on {outcome.images} images"
        line = f"python: {equal if outcome.bit_exact else outcome.difference}"
        report = {"images": outcome.images, "bit_exact": outcome.bit_exact}
        return VerifyResult(line, ok=outcome.bit_exact, report={"verify": {"python": report}})
