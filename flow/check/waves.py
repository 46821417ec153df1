"""One layer, cut out of the accelerator, simulated with a trace: small enough to look at."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from driver.weight_image import WEIGHTS_FILE, build_weight_image, split_weight_image
from flow.check.compare import stream_words
from flow.errors import ToolError, UserError
from flow.hardware.design import TOP_MODULE
from flow.hardware.emit import top_text
from flow.hardware.sources import LINT_WAIVERS
from flow.tools.process import execute as execute_plan
from flow.tools.process import run
from flow.tools.verilator import Verilator, first_error
from flow.validation import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flow.hardware.design import Design, MemoryInfo, NodeInfo, StreamInfo
    from flow.network import Network

LAYER_TOP = "bnn_layer"
HARNESS = Path(__file__).with_name("waves.cpp")
_SLACK_CYCLES = 100_000


@dataclass(frozen=True)
class Cut:
    """A layer with what must stand in front of it; its first stream carries no padding flag."""

    nodes: Sequence[NodeInfo]
    streams: Sequence[StreamInfo]
    layer: str

    @property
    def ideal_cycles(self) -> int:
        """Cycles a frame of the slowest node in it."""
        return max(node.ideal_cycles for node in self.nodes)


@dataclass(frozen=True)
class Wave:
    """A written trace. Cycle k after reset is at time 2k of the trace."""

    path: Path
    around: int
    """The cycle in the middle."""
    reason: str
    """Why that cycle."""
    first_cycle: int
    last_cycle: int
    first_difference: int | None
    """Cycle of the first output word that is not golden's; None where all are equal."""
    nodes: tuple[str, ...]


def cut_out(design: Design, layer: str) -> Cut:
    """Return the part of `design` to simulate for `layer`.

    A matrix-vector unit behind a padded window takes the window along: flags come from there.
    Raises UserError with the nearest name for an unknown layer.
    """
    nodes = {node.name: node for node in design.nodes}
    if layer not in nodes:
        computing = [node.name for node in design.nodes if not node.plumbing]
        raise UserError(f"waves: there is no layer {did_you_mean(layer, computing)}")
    cut = [nodes[layer]]
    last = design.stream(cut[0].sink)
    if last.flagged:
        raise UserError(
            f"waves: {layer} hands out padding flags beside its words; "
            f"look at the layer behind it, {last.consumer}, whose trace holds both"
        )
    while design.stream(cut[0].source).flagged:
        cut.insert(0, nodes[design.stream(cut[0].source).producer])
    streams = [design.stream(cut[0].source), *(design.stream(node.sink) for node in cut)]
    return Cut(cut, streams, layer)


def frame_words(
    network: Network, cut: Cut, image: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the words of one frame, uint8 (words, bytes), into and out of `cut`.

    network: what the design was made from, computed in NumPy on `image`, uint8 (H, W, C).
    """
    source, sink = cut.streams[0], cut.streams[-1]
    words = stream_words(network, (source, sink), image[None])
    return words[source.name], words[sink.name]


def write_wave(
    design: Design,
    rtl: Path,
    cut: Cut,
    words: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    folder: Path,
    *,
    cycle: int | None,
    span: int,
    timeout_s: float,
) -> Wave:
    """Simulate `cut` on one frame and write `span` cycles around `cycle` into `folder`.

    The trace is FST, or VCD where the headers FST needs are not installed.
    cycle: None for the first output word that differs from golden, or where none does, the first
    output word. Raises UserError for a cycle behind the last word, ToolError where Verilator or an
    assertion in the layer fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    binary = _build(design, rtl, cut, folder, timeout_s)
    words[0].tofile(folder / "input.bin")
    words[1].tofile(folder / "expected.bin")
    base = {
        "input": folder.resolve() / "input.bin",
        "expected": folder.resolve() / "expected.bin",
        "load": folder.resolve() / WEIGHTS_FILE,
        "cycles": 4 * cut.ideal_cycles + _SLACK_CYCLES,
        "patience": cut.ideal_cycles + _SLACK_CYCLES,
    }
    found = _run(binary, rtl, base, folder, timeout_s)
    difference = found["first_difference"] if found["first_difference"] >= 0 else None
    if cycle is not None and cycle >= found["cycles"]:
        raise UserError(
            f"--cycle: {cycle}; the last word of {cut.layer} is out in cycle {found['cycles'] - 1}"
        )
    if cycle is not None:
        around, reason = cycle, "asked for"
    elif difference is not None:
        around, reason = difference, "first output word that differs from golden"
    elif found["first_output"] >= 0:
        around, reason = found["first_output"], "first output word; all equal golden"
    else:
        around, reason = found["cycles"], "no word came out until here"
    first, last = max(0, around - span // 2), around + (span + 1) // 2
    path = folder / f"{cut.layer}.{'fst' if missing_headers() is None else 'vcd'}"
    trace = {"trace": path.resolve(), "from": first, "to": last}
    _run(binary, rtl, {**base, **trace, "cycles": last + 1}, folder, timeout_s)
    return Wave(path, around, reason, first, last, difference, tuple(n.name for n in cut.nodes))


@cache
def missing_headers() -> str | None:
    """Return what a compiler here lacks to write FST, or None; without, traces are VCD."""
    source = "#include <lz4.h>\n#include <zlib.h>\n"
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(
                ["g++", "-E", "-x", "c++", "-o", "/dev/null", "headers.h"],
                cwd=_written(Path(folder), source),
                log=Path(folder) / "log",
                timeout_s=60,
            )
        except ToolError as error:
            return error.first_error
    return None


def _written(folder: Path, source: str) -> Path:
    (folder / "headers.h").write_text(source, encoding="utf-8")
    return folder


def _build(design: Design, rtl: Path, cut: Cut, folder: Path, timeout_s: float) -> Path:
    fst = missing_headers() is None
    source, sink = cut.streams[0], cut.streams[-1]
    loaded = [memory for memory in design.loaded_memories if memory.node in _names(cut)]
    if loaded:
        (folder / WEIGHTS_FILE).write_bytes(_load_image(design, rtl, loaded))
    header = (
        "#pragma once\n#include <cstddef>\n"
        f"{'#define BNN_LOADABLE' if loaded else ''}\n"
        f"constexpr size_t kInputBytes = {source.stream.word_bytes};\n"
        f"constexpr size_t kOutputBytes = {sink.stream.word_bytes};\n"
    )
    top = folder.resolve() / f"{LAYER_TOP}.sv"
    kernels = [rtl.resolve() / name for name in design.sources if name != f"{TOP_MODULE}.sv"]
    verilator = Verilator.locate()
    obj = folder.resolve() / f"obj_{'fst' if fst else 'vcd'}"
    plan = verilator.plan_build(
        [LINT_WAIVERS, *kernels, top],
        top=LAYER_TOP,
        build_dir=obj,
        cpp=[HARNESS],
        optimize="-O1",
        cflags=["-std=c++17", *(["-DWAVES_FST"] if fst else [])],
        trace=True,
        files={top: _top_text(cut, loaded), obj / "layer.h": header},
    )
    if not fst:
        argv = tuple("--trace-vcd" if word == "--trace-fst" else word for word in plan.argv)
        plan = replace(plan, argv=argv)
    execute_plan(plan, log=folder / "build.log", timeout_s=timeout_s, first_error=first_error)
    return verilator.executable(LAYER_TOP, obj)


def _names(cut: Cut) -> set[str]:
    return {node.name for node in cut.nodes}


def _load_image(design: Design, rtl: Path, loaded: Sequence[MemoryInfo]) -> bytes:
    """Return the load image of some of the design's memories."""
    memories = design.loaded_memories
    shapes = [(memory.depth, -(-memory.width_bits // 8)) for memory in memories]
    rows = split_weight_image((rtl / design.load_image).read_bytes(), shapes)
    return build_weight_image([r for m, r in zip(memories, rows, strict=True) if m in loaded])


def _top_text(cut: Cut, loaded: Sequence[MemoryInfo]) -> str:
    """Return the top module of the cut, by the template of the whole accelerator."""
    first = cut.streams[0]
    streams = [first.model_copy(update={"name": "in", "producer": ""}), *cut.streams[1:]]
    nodes = [
        node.model_copy(update={"source": "in"}) if node.source == first.name else node
        for node in cut.nodes
    ]
    return top_text(
        nodes, streams, top=LAYER_TOP, source=f"{cut.layer}, for flow waves", loaded=loaded
    )


def _run(
    binary: Path, rtl: Path, options: dict[str, Any], folder: Path, timeout_s: float
) -> dict[str, int]:
    argv = [str(binary), *(f"{name}={value}" for name, value in options.items())]
    log = folder / "run.log"
    run(argv, cwd=rtl, log=log, timeout_s=timeout_s, first_error=first_error)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise ToolError("waves", argv, log, "the simulation ended without a result")
    result: dict[str, int] = json.loads(lines[-1])
    return result
