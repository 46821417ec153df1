"""What an accelerator computes, read back from its memory images and parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flow.hardware.kernels import kernel_of
from flow.hardware.kernels import matrix_vector_memory as packing
from flow.hardware.kernels.input_offset import InputOffset
from flow.hardware.kernels.input_table import InputTable
from flow.hardware.kernels.kernel import Frames, Integers, Kernel, Rows
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.memory_image import read_hex
from flow.hardware.stream import Element


@dataclass(frozen=True, eq=False)
class Decoded:
    """One layer: its kernel, its memories, and the elements that come and go."""

    name: str
    kernel: Kernel
    source: Element
    sink: Element
    memories: Mapping[str, Rows]

    @cached_property
    def table(self) -> Integers | None:
        """The code of each value of the input, (256,); None for another layer."""
        if isinstance(self.kernel, InputTable | InputOffset):
            return self.kernel.codes(self.memories, self.sink)
        return None

    @cached_property
    def weights(self) -> Integers | None:
        """Weights (MH, MW) of a product; None for another layer."""
        if isinstance(self.kernel, MatrixVector):
            return packing.weights(self.kernel, self.memories["WeightFile"])
        return None

    @cached_property
    def stored(self) -> Integers | None:
        """Thresholds (MH, steps) as the kernel compares with them; None without any."""
        if isinstance(self.kernel, MatrixVector) and self.kernel.steps:
            return packing.thresholds(self.kernel, self.memories["ThreshFile"])
        return None

    @cached_property
    def reach(self) -> tuple[int, int]:
        """The least and the greatest sum of any channel, for any input."""
        assert self.weights is not None  # noqa: S101 - of products only
        peak = 1 if self.source.bits == 1 else 1 << (self.source.bits - self.source.signed)
        furthest = int(np.abs(self.weights).sum(axis=1).max()) * peak
        return -furthest, furthest

    def outputs(self, sums: Integers) -> Integers:
        """Return what goes out for sums (..., MH)."""
        assert isinstance(self.kernel, MatrixVector)  # noqa: S101 - of products only
        return self.kernel.codes(sums, self.stored, self.sink)


@dataclass(frozen=True, eq=False)
class DecodedDesign:
    """The layers of an accelerator in order, FIFOs and converters left out."""

    layers: tuple[Decoded, ...]
    pixel: Element

    def run(self, images: NDArray[np.generic]) -> Integers:
        """Return the scores for images (N, H, W, C), computed from the files alone."""
        values = np.asarray(images).astype(np.int64)
        if self.layers[0].table is None:
            values = self.pixel.value(values)
        frames = Frames(values)
        for layer in self.layers:
            frames = layer.kernel.compute(frames, layer.memories, layer.sink)
        return frames.values.reshape(len(frames.values), -1)


def decode(folder: Path) -> DecodedDesign:
    """Return the accelerator whose `design.json` and `rtl` lie in `folder`."""
    design = json.loads((folder / "design.json").read_text(encoding="utf-8"))
    streams = {stream["producer"]: stream for stream in design["streams"]}
    sources = {stream["consumer"]: stream for stream in design["streams"]}
    memories: dict[str, dict[str, Any]] = {}
    for memory in design["memories"]:
        memories.setdefault(memory["node"], {})[memory["parameter"]] = memory
    layers = []
    for node in design["nodes"]:
        if node["plumbing"]:
            continue
        kernel = kernel_of(node["module"], node["parameters"])
        ends = [_element(s[node["name"]]) for s in (sources, streams)]
        rows = {
            parameter: read_hex(folder / "rtl" / memory["file"], memory["width_bits"])
            for parameter, memory in memories.get(node["name"], {}).items()
        }
        layers.append(Decoded(node["name"], kernel, ends[0], ends[1], rows))
    return DecodedDesign(tuple(layers), _element(streams[""]))


def _element(stream: Mapping[str, Any]) -> Element:
    return Element(stream["elem_bits"], stream["signed"])
