"""The golden model: plain ONNX in stock onnxruntime, and what it gives on real images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from flow.check.survey import require_buildable
from flow.data.images import class_names
from flow.data.inputs import find_inputs, load_inputs
from flow.engine.artifact import Artifact
from flow.engine.metrics import AT_LEAST_ONE, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.engine.state import Build
from flow.frontend.golden import (
    blind_channels,
    is_blind,
    load_onnx,
    lower_to_plain_onnx,
)
from flow.frontend.golden.session import record_vectors
from flow.frontend.golden.vectors import GoldenVectors
from flow.frontend.input_codes import codes_seen
from flow.frontend.to_network import network_from_golden


@dataclass(frozen=True)
class GoldenMetrics(Metrics):
    """What `golden` measures."""

    images: Annotated[int, AT_LEAST_ONE]
    source: str
    blind: list[str]
    """Activations that are the same on all images."""
    input_codes: dict[str, int]
    """How many occur in the data, in these images, and how many are possible."""
    warnings: list[str]
    class_names: list[str]
    """The model's own, else CIFAR-10's for its images, else numbers."""


class Golden(Stage):
    """Lower the QONNX model to plain ONNX and record scores and activations of some images."""

    id = "golden"
    metrics = GoldenMetrics
    requires = (Artifact.QONNX_MODEL,)
    produces = (Artifact.GOLDEN_MODEL, Artifact.GOLDEN_VECTORS)
    config_fields = ("verify.images",)
    packages = ("onnx", "onnxruntime")

    def external_files(self, build: Build) -> Mapping[str, Path]:
        return {"images": build.data_dir} if build.data_dir is not None else {}

    def run(self, ctx: StageContext) -> StageResult:
        model = load_onnx(ctx.input(Artifact.QONNX_MODEL))
        require_buildable(model)
        golden = lower_to_plain_onnx(model)
        golden.save(ctx.output(Artifact.GOLDEN_MODEL))
        data = load_inputs(ctx.data_dir, golden.input)
        images = find_inputs(ctx.data_dir, ctx.config.verify.images, golden.input)
        network = network_from_golden(golden)
        checked = codes_seen(golden, network, images.images)
        seen = checked if data is None else codes_seen(golden, network, data.images)
        if seen.warning:
            ctx.logger.warning("%s", seen.warning)
        vectors = record_vectors(golden, images)
        vectors.save(ctx.output(Artifact.GOLDEN_VECTORS))
        blind = [name for name, codes in vectors.taps if is_blind(codes)]
        for name, codes in vectors.taps:
            ctx.logger.info("%s: %.1f %% of channels constant", name, 100 * blind_channels(codes))
        return StageResult(
            metrics=GoldenMetrics(
                images=len(images.images),
                source=images.source,
                blind=blind,
                input_codes={
                    "data": seen.occur,
                    "checked": checked.occur,
                    "possible": seen.possible,
                },
                warnings=[seen.warning] if seen.warning else [],
                class_names=class_names(golden.classes, images.source, golden.class_names),
            ),
            summary=_summary(vectors, blind, seen.warning),
        )


def _summary(vectors: GoldenVectors, blind: list[str], warning: str) -> str:
    text = f"{len(vectors.images)} images ({vectors.source}), {len(vectors.taps)} activations"
    known = vectors.labels >= 0
    if known.any():
        right = vectors.score_map.predicted(vectors.scores[known]) == vectors.labels[known]
        text += f", {int(right.sum())} of {int(known.sum())} classified right"
    if blind:
        text += f"; blind on these images: {', '.join(blind)}"
    if warning:
        text += f"; warning: {warning}"
    return text
