"""The witness: qonnx or onnxruntime executes the user's own file, and golden has to agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flow.engine.artifact import Artifact
from flow.engine.metrics import AT_LEAST_ONE, IS_TRUE, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.frontend.golden import GoldenModel, load_onnx
from flow.frontend.golden.model import SCORES
from flow.frontend.golden.vectors import GoldenVectors
from flow.frontend.witness import compare_with_file


@dataclass(frozen=True)
class WitnessMetrics(Metrics):
    """What `witness` measures."""

    images: Annotated[int, AT_LEAST_ONE]
    executor: str
    """qonnx, or onnxruntime for a file of standard operators."""
    agrees: Annotated[bool, IS_TRUE]
    tensors: int
    codes: int
    near_boundary: int
    """Codes that differ within 4 ulp of a rounding boundary."""
    widest_ulp: float


class Witness(Stage):
    """Compare every activation and score of golden with an execution of the file itself."""

    id = "witness"
    metrics = WitnessMetrics
    requires = (Artifact.QONNX_MODEL, Artifact.GOLDEN_MODEL, Artifact.GOLDEN_VECTORS)
    packages = ("onnx", "onnxruntime", "qonnx")

    def run(self, ctx: StageContext) -> StageResult:
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        said = compare_with_file(
            load_onnx(ctx.input(Artifact.QONNX_MODEL)),
            GoldenModel.load(ctx.input(Artifact.GOLDEN_MODEL)),
            vectors.images,
            values=vectors.values,
            found={**dict(vectors.taps), SCORES: vectors.scores},
            progress=ctx.report_progress,
        )
        near = f", {said.near_boundary} on a rounding boundary" if said.near_boundary else ""
        return StageResult(
            metrics=WitnessMetrics(
                images=said.images,
                executor=said.executor,
                agrees=said.agrees,
                tensors=said.tensors,
                codes=said.codes,
                near_boundary=said.near_boundary,
                widest_ulp=said.widest_ulp,
            ),
            summary=f"{said.executor} and golden agree in {said.codes:,} codes of {said.tensors} "
            f"tensors on {said.images} images{near}",
            detail=said.difference,
            report={
                "verify": {
                    "witness": {
                        "images": said.images,
                        "executor": said.executor,
                        "agrees": said.agrees,
                        "codes": said.codes,
                        "near_boundary": said.near_boundary,
                    }
                }
            },
        )
