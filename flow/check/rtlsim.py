"""The whole accelerator in Verilator: build once, run many; NumPy in, NumPy out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flow.errors import CheckFailed, ToolError
from flow.hardware.kernels.fifo import Fifo
from flow.hardware.sources import LINT_WAIVERS
from flow.tools.process import execute, run
from flow.tools.verilator import Verilator, first_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flow.hardware.design import Design, StreamInfo

HARNESS = Path(__file__).with_name("harness.cpp")
_PATIENCE_FRAMES = 4


@dataclass(frozen=True)
class SimResult:
    """What one simulation gave and how long it took, in cycles of the accelerator's clock."""

    captured: Mapping[str, NDArray[np.uint8]]
    """Words of each stream by name, uint8 (words, word_bytes + flag_bytes)."""
    output: NDArray[np.uint8]
    cycles: int
    cycles_per_frame: float | None
    """Mean distance between the ends of consecutive frames; None for a single frame."""
    latency_cycles: int
    """From the first word in to the last word out of the first frame."""
    stalls: Mapping[str, int]
    """Cycles in which a word of the stream was there and not taken."""
    high_water: Mapping[str, int]
    """Most words each FIFO ever held, by the FIFO's name."""
    seconds: float
    load_cycles: int | None = None
    """Cycles in which weights and thresholds came in, before the first image; None without."""


def build(
    design: Design,
    rtl: Path,
    folder: Path,
    *,
    timeout_s: float,
    jobs: int = 2,
    optimize: str = "-O2",
) -> Path:
    """Compile `design`, whose files lie in `rtl`, into a program below `folder`; return its path.

    Raises ToolError with Verilator's or the compiler's first error.
    """
    verilator = Verilator.locate()
    obj = folder / "obj"
    plan = verilator.plan_build(
        [LINT_WAIVERS, *(rtl / name for name in design.sources)],
        top=design.top,
        build_dir=obj,
        cpp=[HARNESS],
        optimize=optimize,
        cflags=["-std=c++17"],
        jobs=jobs,
        # Beside the model: a folder in the flags would be part of the key of what is compiled once.
        files={obj / "probes.h": probes_header(design)},
    )
    execute(plan, log=folder / "build.log", timeout_s=timeout_s, first_error=first_error)
    return verilator.executable(design.top, obj)


def probes_header(design: Design) -> str:
    """Return the C++ header that tells the harness where the streams of `design` are."""
    probes, visits = [], []
    root = f"r.{design.top}__DOT__"
    for k, info in enumerate(design.streams):
        sizes = f"{info.stream.word_bytes}, {info.stream.flag_bytes}, {info.beats}"
        probes.append(f'    {{"{info.name}", {sizes}}},')
        pad = f"{root}{info.name}_pad" if info.flagged else "kNoFlags"
        signal = f"{root}{info.name}"
        visits.append(f"    visit({k}, {signal}_valid, {signal}_ready, {signal}_data, {pad});")
    first, last = design.input_stream, design.output_stream
    return "\n".join(
        [
            "#pragma once",
            "#include <cstddef>",
            "#include <cstdint>",
            "struct Probe {",
            "    const char* name;",
            "    size_t bytes;",
            "    size_t flag_bytes;",
            "    uint64_t beats;  // of a frame",
            "};",
            "constexpr uint8_t kNoFlags = 0;",
            *(["#define BNN_LOADABLE"] if design.loadable else []),
            "constexpr Probe kProbes[] = {",
            *probes,
            "};",
            f"constexpr size_t kInputBytes = {first.stream.word_bytes};",
            f"constexpr size_t kOutputBytes = {last.stream.word_bytes};",
            f"constexpr uint64_t kOutputBeats = {last.beats};",
            "template <class Root, class Visit>",
            "void visit_probes(const Root& r, Visit visit) {",
            *visits,
            "}",
            "template <class Root, class Visit>",
            "void visit_high_water(const Root& r, Visit visit) {",
            "    (void)r;",
            "    (void)visit;",
            *(f"    visit({root}{info.name}_high_water);" for info in design.fifo_outputs),
            "}",
            "",
        ]
    )


def simulate(
    design: Design,
    binary: Path,
    rtl: Path,
    images: NDArray[np.uint8],
    *,
    seed: int,
    timeout_s: float,
    idle: float = 0.0,
    stall: float = 0.0,
    interval: float = 0.0,
) -> SimResult:
    """Run `images`, uint8 (N, H, W, C), through the compiled accelerator.

    `idle` and `stall` are the probabilities that source and sink pause in a cycle, `interval` the
    least number of cycles from one word of the source to the next. Memory images are read from
    `rtl`. Raises ToolError when an assertion fires or the time is up, CheckFailed when the
    accelerator stops moving or hands out too many or too few words.
    """
    source, sink = design.input_stream, design.output_stream
    with tempfile.TemporaryDirectory(prefix="rtlsim_") as name:
        folder = Path(name)
        (folder / "capture").mkdir()
        source.stream.words(images).tofile(folder / "input.bin")
        argv = [
            str(binary),
            f"input={folder / 'input.bin'}",
            f"output={folder / 'output.bin'}",
            f"capture={folder / 'capture'}",
            f"frames={len(images)}",
            f"patience={_PATIENCE_FRAMES * design.bottleneck.ideal_cycles + 10000}",
            f"interval={interval}",
            f"idle={idle}",
            f"stall={stall}",
            f"seed={seed}",
            *([f"load={design.load_image}"] if design.loadable else []),
            *fifo_depths(design),
            "+verilator+rand+reset+2",
            f"+verilator+seed+{seed}",
        ]
        log = folder / "run.log"
        try:
            completed = run(argv, cwd=rtl, log=log, timeout_s=timeout_s, first_error=first_error)
        except ToolError as error:
            stats = _last_json(log)
            if stats is not None and stats["deadlock"]:
                raise CheckFailed(_deadlock(design, stats)) from error
            raise ToolError("rtlsim", error.command, error.log, _keep(log, error)) from error
        stats = _last_json(log)
        if stats is None:
            raise CheckFailed("rtlsim: the simulation ended without a result")
        captured = {
            info.name: _read(folder / "capture" / f"{info.name}.bin", info)
            for info in design.streams
        }
        output = np.fromfile(folder / "output.bin", dtype=np.uint8)
    _check_counts(design, captured, len(images))
    ends = stats["last_out"]
    return SimResult(
        captured={s.name: captured[s.name][: s.beats * len(images)] for s in design.streams},
        output=output.reshape(-1, sink.stream.word_bytes),
        cycles=stats["cycles"],
        cycles_per_frame=(ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else None,
        latency_cycles=ends[0] - stats["first_in"][0] + 1,
        stalls={item["name"]: item["stalls"] for item in stats["streams"]},
        high_water={
            info.producer: mark
            for info, mark in zip(design.fifo_outputs, stats["high_water"], strict=True)
        },
        seconds=completed.seconds,
        load_cycles=stats["load_cycles"] if design.loadable else None,
    )


def fifo_depths(design: Design) -> list[str]:
    """Return what tells a simulator the depth of each FIFO: it may be compiled with deeper ones."""
    return [
        f"+TOP.{design.top}.{node.instance}={node.parameters['Depth']}"
        for node in design.nodes
        if node.module == Fifo.module
    ]


def _read(path: Path, info: StreamInfo) -> NDArray[np.uint8]:
    return np.fromfile(path, dtype=np.uint8).reshape(
        -1, info.stream.word_bytes + info.stream.flag_bytes
    )


def _last_json(log: Path) -> dict[str, Any] | None:
    """Return the JSON object in the last line of `log`, None if it holds none."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        return None
    stats: dict[str, Any] = json.loads(lines[-1])
    return stats


def _keep(log: Path, error: ToolError) -> str:
    """Return the first error with the log's last lines: the log itself is temporary."""
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    return "\n    ".join([error.first_error, *tail])


def _check_counts(design: Design, captured: Mapping[str, NDArray[np.uint8]], frames: int) -> None:
    """Raise CheckFailed if a stream carried more or fewer words than its frames hold.

    A window may be ahead: what the next frame begins with is padding and waits for no input.
    """
    ahead_of = design.words_ahead()
    for info in design.streams:
        wanted, words, ahead = info.beats * frames, captured[info.name], ahead_of[info.name]
        extra = len(words) - wanted
        if not 0 <= extra <= ahead or not np.array_equal(words[wanted:], words[: max(extra, 0)]):
            raise CheckFailed(
                f"rtlsim: stream {info.name} ({info.producer or 'input'}) carried "
                f"{len(words)} words in {frames} frames; {wanted} are right"
            )


def _deadlock(design: Design, stats: Mapping[str, Any]) -> str:
    """Name the last stream whose word nobody takes, its producer and its consumer.

    The streams before it wait because of it.
    """
    pairs = list(zip(design.streams, stats["streams"], strict=True))
    for info, item in reversed(pairs):
        if item["waiting"]:
            return (
                f"rtlsim: deadlock after {stats['cycles']} cycles: {info.producer or 'the input'} "
                f"offers a word on {info.name} that {info.consumer or 'the output'} does not take "
                f"({stats['received']} words had come out)"
            )
    return f"rtlsim: deadlock after {stats['cycles']} cycles: no stream has a word to offer"
