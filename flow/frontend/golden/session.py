"""Run a golden model in stock onnxruntime, always as the same float32 function."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from flow.data.images import ImageSet
from flow.errors import GoldenError
from flow.frontend.golden.model import IMAGES, SCORES, GoldenModel
from flow.frontend.golden.vectors import GoldenVectors


def plain_session(model: onnx.ModelProto, threads: int = 1) -> ort.InferenceSession:
    """Open a session that runs the graph as written.

    Graph optimisation is off: fusing a Conv with the scale behind it would round differently.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


class GoldenSession:
    """A golden model ready to run; results do not depend on batch size or `threads`."""

    def __init__(self, golden: GoldenModel, threads: int = 1) -> None:
        if threads < 1:
            raise GoldenError(f"threads={threads}; use 1 or more")
        self.golden = golden
        self._threads = threads
        self._plain: ort.InferenceSession | None = None
        self._tapped: dict[bool, ort.InferenceSession] = {}

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the scores, float32 (N, classes), of images, integers (N, H, W, C)."""
        self._check(images)
        if self._plain is None:
            self._plain = plain_session(self.golden.onnx_model, self._threads)
        scores: NDArray[np.float32] = self._plain.run([SCORES], {IMAGES: images})[0]
        return scores

    def run_with_taps(
        self, images: NDArray[Any], *, accumulators: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Return every tap's codes by name, and `scores`.

        Codes are int32, batch first, channels second; real values are codes * tap.scale. With
        `accumulators`, also `layer<k>.accumulator` of every layer, int32. `scores` are float32.
        """
        self._check(images)
        names = [t.name for t in self.golden.taps]
        if accumulators:
            names += [layer.accumulator for layer in self.golden.layers]
        if accumulators not in self._tapped:
            model = self.golden.with_outputs(names)
            self._tapped[accumulators] = plain_session(model, self._threads)
        results = self._tapped[accumulators].run([*names, SCORES], {IMAGES: images})
        taps: dict[str, NDArray[Any]] = {
            name: value.astype(np.int32) for name, value in zip(names, results[:-1], strict=True)
        }
        taps[SCORES] = results[-1]
        return taps

    def _check(self, images: NDArray[Any]) -> None:
        rule = self.golden.input
        if images.dtype != rule.dtype or images.ndim != 4 or images.shape[1:] != rule.shape:
            raise GoldenError(
                f"images are {images.dtype} {images.shape}; this model takes {rule.dtype} "
                f"(N, {', '.join(map(str, rule.shape))})"
            )


def record_vectors(golden: GoldenModel, data: ImageSet) -> GoldenVectors:
    """Run `golden` on the images of a set and keep what it gives."""
    results = GoldenSession(golden).run_with_taps(data.images)
    taps = [(tap.name, results[tap.name]) for tap in golden.taps]
    arrays = (data.images, data.labels, results[SCORES])
    return GoldenVectors(*arrays, taps, data.source, golden.score_map, data.values)
