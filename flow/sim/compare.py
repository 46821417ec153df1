"""Compare every stream of a simulated accelerator with the values the graph gives in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flow.errors import CheckFailed
from flow.graph.check import GoldenVectors, compare_with_golden
from flow.sim.rtlsim import SimResult, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.config import BuildConfig
    from flow.hardware.design import Design, StreamInfo

Progress = Callable[[int, int | None, str], None]


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
    model: ModelWrapper,
    design: Design,
    vectors: GoldenVectors,
    progress: Progress = lambda done, total, text: None,
) -> tuple[dict[str, NDArray[np.uint8]], str]:
    """Return what each compared stream must carry: its name -> uint8 (words, bytes).

    The sized graph is executed in Python and held against golden on the way; the second value is
    empty, or the first difference between the two.
    """
    tensors = {node.name: node.output[0] for node in model.graph.node}
    words: dict[str, list[NDArray[np.uint8]]] = {s.name: [] for s in design.compared_streams}

    def collect(context: dict[str, NDArray[Any]]) -> None:
        for info in design.compared_streams:
            words[info.name].append(info.stream.words(context[tensors[info.producer]]))

    outcome = compare_with_golden(
        model, vectors, takes_pixels=True, progress=progress, on_context=collect
    )
    if outcome.difference:
        return {}, f"the graph itself differs from golden: {outcome.difference}"
    return {name: np.concatenate(parts) for name, parts in words.items()}, ""


def check_accelerator(
    design: Design,
    rtl: Path,
    binary: Path,
    model: ModelWrapper,
    vectors: GoldenVectors,
    config: BuildConfig,
    progress: Progress = lambda done, total, text: None,
) -> tuple[SimResult, StreamComparison]:
    """Simulate the golden images on the compiled accelerator and compare every stream.

    `model` is the sized graph `design` was made from. Raises CheckFailed where the graph itself is
    not equal to golden or the simulation hangs, ToolError where an assertion fires.
    """
    expected, difference = expected_words(model, design, vectors, progress)
    if difference:
        raise CheckFailed(f"rtlsim: {difference}")
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
    last = design.streams[-1]
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
