"""Compare every stream of a simulated accelerator with what the network computes in NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flow.check.rtlsim import SimResult, simulate
from flow.engine.stage import ProgressCallback
from flow.errors import CheckFailed
from flow.hardware.form import hardware_form
from flow.network import Conv, Integers, Network

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from flow.config import BuildConfig
    from flow.frontend.golden.vectors import GoldenVectors
    from flow.hardware.design import Design, StreamInfo

_BATCH = 16


@dataclass(frozen=True)
class StreamComparison:
    """What was compared, and the first difference."""

    streams: int
    words: int
    difference: str
    """Empty, or the first stream in the order of the layers that differs, and where."""

    def describe(self, images: int) -> str:
        """Return one line on what was compared."""
        verdict = "differ from" if self.difference else "equal to"
        return f"{self.streams} streams of {images} images {verdict} golden, {self.words:,} words"


def expected_words(
    network: Network, design: Design, images: NDArray[np.uint8]
) -> dict[str, NDArray[np.uint8]]:
    """Return what each compared stream must carry: its name -> uint8 (words, bytes).

    images: uint8 (N, H, W, C). The network is computed in NumPy, in the form of hardware.
    """
    return stream_words(network, design.compared_streams, images)


def stream_words(
    network: Network, streams: Iterable[StreamInfo], images: NDArray[np.uint8]
) -> dict[str, NDArray[np.uint8]]:
    """Return the words of any streams of a design: name -> uint8 (words, bytes)."""
    streams = list(streams)
    form = hardware_form(network)
    edges = {info.carries.edge for info in streams}
    words: dict[str, list[NDArray[np.uint8]]] = {info.name: [] for info in streams}
    for start in range(0, len(images), _BATCH):
        values = form.run(images[start : start + _BATCH], keep=edges)
        for info in streams:
            tensor = values[info.carries.edge]
            if info.carries.windows_of:
                tensor = _windows(form, info.carries.windows_of, tensor)
            words[info.name].append(info.stream.words(tensor))
    return {name: np.concatenate(parts) for name, parts in words.items()}


def _windows(form: Network, conv: str, frames: Integers) -> Integers:
    """Return what the windows of a convolution see; 0 marks the padding of bits."""
    node = form.producers[conv]
    if not isinstance(node, Conv):
        raise CheckFailed(f"rtlsim: {conv} is no convolution of this network")
    return node.window.patches(frames, node.pad_value)


def check_accelerator(
    design: Design,
    rtl: Path,
    binary: Path,
    network: Network,
    vectors: GoldenVectors,
    config: BuildConfig,
    progress: ProgressCallback = lambda done, total, text: None,
) -> tuple[SimResult, StreamComparison]:
    """Simulate the golden images on the compiled accelerator and compare every stream.

    `network` is what `design` was made from. Raises CheckFailed where it is not equal to golden
    itself or the simulation hangs, ToolError where an assertion fires.
    """
    scores = network.run(vectors.images, keep={network.scores.name})[network.scores.name]
    golden = np.asarray(vectors.scores).astype(np.int64)
    if not np.array_equal(scores.reshape(golden.shape), golden):
        wrong = int(np.flatnonzero((scores.reshape(golden.shape) != golden).any(axis=1))[0])
        raise CheckFailed(f"rtlsim: the network's scores of image {wrong} are not golden's")
    expected = expected_words(network, design, vectors.images)
    progress(0, None, f"simulating {len(vectors.images)} images")
    pause = config.rtlsim.stall_percent / 100
    result = simulate(
        design,
        binary,
        rtl,
        vectors.images,
        seed=config.verify.seed,
        timeout_s=config.rtlsim.timeout_s,
        idle=pause,
        stall=pause,
    )
    return result, compare_streams(design, expected, result)


def compare_streams(
    design: Design, expected: dict[str, NDArray[np.uint8]], result: SimResult
) -> StreamComparison:
    """Compare every captured stream word by word; the output file as well."""
    words = 0
    for info in design.compared_streams:
        difference = _difference(info, expected[info.name], result.captured[info.name])
        if difference:
            return StreamComparison(len(expected), words, difference)
        words += len(expected[info.name])
    last = design.output_stream
    if not np.array_equal(result.output, result.captured[last.name]):
        return StreamComparison(len(expected), words, "the output differs from its own stream")
    return StreamComparison(len(expected), words, "")


def _difference(info: StreamInfo, wanted: NDArray[np.uint8], found: NDArray[np.uint8]) -> str:
    if found.shape != wanted.shape:
        return f"stream {info.name} ({info.producer}): {len(found)} words instead of {len(wanted)}"
    wrong = np.flatnonzero((wanted != found).any(axis=1))
    if not len(wrong):
        return ""
    image, beat = divmod(int(wrong[0]), info.beats)
    return (
        f"stream {info.name} ({info.producer}) differs: {len(wrong)} of {len(wanted)} words, first "
        f"in image {image}, word {beat} of {info.beats}: {_hex(found[wrong[0]])} instead of "
        f"{_hex(wanted[wrong[0]])}"
    )


def _hex(word: NDArray[np.uint8]) -> str:
    return "0x" + word[::-1].tobytes().hex()
