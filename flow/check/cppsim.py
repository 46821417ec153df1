"""The compiled model against onnxruntime: every score of a test set, every layer of some images."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from driver.inputs import InputRule
from flow.data.images import ImageSet
from flow.data.inputs import load_inputs
from flow.engine.stage import ProgressCallback
from flow.errors import UserError
from flow.frontend.compare import first_difference
from flow.frontend.views import codes_as_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driver.cpu import CpuBackend
    from flow.frontend.golden import GoldenModel
    from flow.frontend.golden.vectors import GoldenVectors
    from flow.network import Network


_BATCH = 100


@dataclass(frozen=True)
class Outcome:
    """What the compiled model gave on labelled or unlabelled images.

    confusion: int64 (classes, classes), [label, predicted], of the images that have a label.
    """

    images: int
    source: str
    layers: int
    """Layer outputs compared on the golden images, the scores included."""
    layer_images: int
    difference: str
    """Empty, or the first image with another score and the first layer that differs on it."""
    confusion: NDArray[np.int64] | None
    seconds: float
    """Time of the compiled model on all images."""

    @property
    def bit_exact(self) -> bool:
        """Whether nothing differs."""
        return not self.difference

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled images that are classified right, None without any."""
        if self.confusion is None:
            return None
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def images_per_second(self) -> float:
        """Speed of the compiled model."""
        return self.images / self.seconds

    def describe(self) -> str:
        """Return one line on what was compared and measured."""
        if self.difference:
            return self.difference
        text = f"equal to onnxruntime in every score of {self.images:,} images ({self.source})"
        if self.accuracy is not None:
            text += f", accuracy {self.accuracy:.2%}"
        return f"{text}, {self.images_per_second:,.0f} images/s"


def default_threads(configured: int | None) -> int:
    """Return the number of threads: as configured, else one for each processor we may use."""
    return configured or len(os.sched_getaffinity(0))


def choose_images(
    data: Path | None, count: int | None, vectors: GoldenVectors, rule: InputRule
) -> ImageSet:
    """Return the images to compare: the test set, or the golden images where there is none.

    The test set is the one in `data`, as integers of `rule`; `count` takes its first images.
    UserError if there are fewer than that.
    """
    found = load_inputs(data, rule)
    if found is None:
        source = f"{vectors.source}, golden images"
        found = ImageSet(vectors.images, vectors.labels, (), source)
    if count is not None and count > len(found):
        raise UserError(
            f"cppsim: {count} images are asked for, there are {len(found)} ({found.source}); "
            "ask for fewer, or say with --data where more are"
        )
    return found if count is None else found.take(count)


def scores_key(golden_file: Path, images: NDArray[np.uint8]) -> str:
    """Return a hash of all that the golden scores depend on."""
    import onnxruntime

    digest = hashlib.sha256(golden_file.read_bytes())
    digest.update(f"{onnxruntime.__version__} {images.shape}".encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def golden_scores(
    golden: GoldenModel, images: NDArray[np.uint8], threads: int, progress: ProgressCallback
) -> NDArray[np.float32]:
    """Return onnxruntime's scores, float32 (N, classes); minutes for large networks."""
    from flow.frontend.golden import GoldenSession

    session = GoldenSession(golden, threads)
    parts = []
    for start in range(0, len(images), _BATCH):
        progress(start, len(images), "images in onnxruntime")
        parts.append(session.run(images[start : start + _BATCH]))
    return np.concatenate(parts)


def save_scores(path: Path, key: str, scores: NDArray[np.float32]) -> None:
    """Keep golden scores with their key."""
    np.savez_compressed(path, key=np.array(key), scores=scores)


def load_scores(path: Path, key: str) -> NDArray[np.float32] | None:
    """Return kept golden scores, or None if there are none or they are of something else."""
    if not path.is_file():
        return None
    with np.load(path) as data:
        if str(data["key"]) != key:
            return None
        scores: NDArray[np.float32] = data["scores"]
        return scores


def compare(
    backend: CpuBackend,
    network: Network,
    golden: GoldenModel,
    vectors: GoldenVectors,
    images: ImageSet,
    wanted: NDArray[np.float32],
) -> Outcome:
    """Run the compiled model on all images and hold every score against `wanted`.

    On the golden images every layer is compared, too. Where a score differs, the image is run again
    layer by layer in both models, so that the first layer that differs can be named.
    """
    difference = _layer_difference(backend, network, vectors)
    started = time.perf_counter()
    found = backend.run(images.images)
    seconds = time.perf_counter() - started
    wrong = np.flatnonzero((found != wanted).any(axis=1))
    if len(wrong) and not difference:
        difference = _explain(backend, network, golden, images.images, int(wrong[0]), found, wanted)
        difference += f"; {len(wrong)} of {len(found)} images have a score that differs"
    return Outcome(
        images=len(found),
        source=images.source,
        layers=len(compared_layers(backend, network)) + 1,
        layer_images=len(vectors.images),
        difference=difference,
        confusion=_confusion(golden.score_map.predicted(found), images.labels, golden.classes),
        seconds=seconds,
    )


def compared_layers(backend: CpuBackend, network: Network) -> dict[str, str]:
    """Return golden activation -> layer of the compiled model that must give its codes."""
    layers = {layer.name for layer in backend.layers[:-1]}
    return {tap: edge for tap, edge in network.taps.items() if edge in layers}


def _layer_difference(backend: CpuBackend, network: Network, vectors: GoldenVectors) -> str:
    codes = dict(vectors.taps)
    return _difference_in_layers(backend, network, vectors.images, codes, vectors.scores)


def _difference_in_layers(
    backend: CpuBackend,
    network: Network,
    images: NDArray[np.uint8],
    codes: Mapping[str, NDArray[Any]],
    wanted: NDArray[np.float32],
) -> str:
    """Return the first layer, in order, that differs on any of the images; empty for none."""
    scores, outputs = backend.run_with_layers(images)
    for tap, layer in compared_layers(backend, network).items():
        if tap in codes:
            frames = codes_as_frames(
                codes[tap],
                network.edges[layer].shape,
                channels_last=tap in network.channels_last,
            )
            difference = first_difference(f"layer {layer} (golden {tap})", outputs[layer], frames)
            if difference:
                return difference
    return first_difference("scores", scores, wanted)


def _explain(
    backend: CpuBackend,
    network: Network,
    golden: GoldenModel,
    images: NDArray[np.uint8],
    image: int,
    found: NDArray[np.int32],
    wanted: NDArray[np.float32],
) -> str:
    """Return which layer is the first to differ on one image whose scores differ."""
    from flow.frontend.golden import GoldenSession

    one = slice(image, image + 1)
    results = GoldenSession(golden).run_with_taps(images[one])
    text = _difference_in_layers(backend, network, images[one], results, wanted[one])
    text = text or first_difference("scores", found[one], wanted[one])
    return f"image {image}, {text.partition(', ')[2]}"


def _confusion(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int
) -> NDArray[np.int64] | None:
    """Count [label, predicted]; None without any label."""
    known = (labels >= 0) & (labels < classes)
    if not known.any():
        return None
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels[known], predicted[known]), 1)
    return confusion


def report_part(outcome: Outcome) -> dict[str, Any]:
    """Return the section `cppsim` of report.json."""
    part: dict[str, Any] = {
        "images": outcome.images,
        "bit_exact": outcome.bit_exact,
        "images_per_second": round(outcome.images_per_second, 1),
    }
    if outcome.accuracy is not None:
        part["accuracy"] = outcome.accuracy
    return part


def confusion_table(confusion: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    """Return lines: a row a label, a column a prediction; classes without a name are numbered."""
    labels = list(names) or [str(k) for k in range(len(confusion))]
    width = max(len(label) for label in labels)
    columns = max(5, len(str(int(confusion.max()))) + 1)
    head = "".join(f"{label[: columns - 1]:>{columns}}" for label in labels)
    lines = [f"{'':{width}}{head}"]
    for label, row in zip(labels, confusion, strict=True):
        lines.append(f"{label:{width}}" + "".join(f"{int(v):>{columns}}" for v in row))
    return lines
