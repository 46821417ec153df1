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

from driver.packing import unpack_words
from flow.hardware.kernel import Kernel
from flow.hardware.kernels import KERNELS, InputOffset, InputTable, MaxPool, SlidingWindow
from flow.hardware.matrix_vector import MatrixVector
from flow.hardware.memory_image import read_hex
from flow.hardware.reference import maxpool, sliding_window

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Element:
    """How an element of a stream is read: 1 bit is -1 or +1."""

    bits: int
    signed: bool

    def value(self, codes: Integers) -> Integers:
        """Return the integers that codes of `bits` bits stand for."""
        kept = codes & ((1 << self.bits) - 1)
        if self.bits == 1:
            return 2 * kept - 1
        return (
            np.where(kept >> (self.bits - 1), kept - (1 << self.bits), kept)
            if self.signed
            else kept
        )


@dataclass(frozen=True, eq=False)
class Decoded:
    """One layer: its kernel, its memories as integers, and the elements that come and go."""

    name: str
    kernel: Kernel
    source: Element
    sink: Element
    table: Integers | None = None
    """(256,): of the input layer."""
    weights: Integers | None = None
    """(MH, MW)."""
    stored: Integers | None = None
    """(MH, steps): what the kernel compares with."""

    @cached_property
    def reach(self) -> tuple[int, int]:
        """The least and the greatest sum of any channel, for any input."""
        assert self.weights is not None  # noqa: S101 - of products only
        peak = 1 if self.source.bits == 1 else 1 << (self.source.bits - self.source.signed)
        furthest = int(np.abs(self.weights).sum(axis=1).max()) * peak
        return -furthest, furthest

    def outputs(self, sums: Integers) -> Integers:
        """Return what goes out for sums (..., MH)."""
        kernel = self.kernel
        assert isinstance(kernel, MatrixVector)  # noqa: S101 - of products only
        if self.stored is None:
            return self.sink.value(sums)
        compared = sums
        if kernel.compares_counts:  # P equal lanes: sum = 2P - K
            compared = (sums + kernel.mw) * kernel.count_scale // 2
        reached = np.zeros_like(sums)
        for k in range(self.stored.shape[1]):
            reached += compared >= self.stored[:, k]
        if kernel.steps == 1:
            return 2 * reached - 1
        return self.sink.value(kernel.code_low + reached)


@dataclass(frozen=True, eq=False)
class DecodedDesign:
    """The layers of an accelerator in order, FIFOs and converters left out."""

    layers: tuple[Decoded, ...]
    pixel: Element

    def run(self, images: NDArray[np.generic]) -> Integers:
        """Return the scores for images (N, H, W, C), computed from the files alone."""
        values = np.asarray(images).astype(np.int64)
        flags: NDArray[np.bool_] | None = None
        for layer in self.layers:
            values, flags = _computed(layer, values, flags)
        return values.reshape(len(values), -1)


def _computed(
    layer: Decoded, values: Integers, flags: NDArray[np.bool_] | None
) -> tuple[Integers, NDArray[np.bool_] | None]:
    """Return what one layer gives, and which of it is padding that adds nothing."""
    kernel = layer.kernel
    if layer.table is not None:
        return layer.table[values & 0xFF], None
    if isinstance(kernel, SlidingWindow):
        window = ((kernel.kernel_h, kernel.kernel_w), (kernel.stride_h, kernel.stride_w))
        pad = (kernel.pad_top, kernel.pad_left, kernel.pad_bottom, kernel.pad_right)
        of_padding = int(layer.sink.value(np.array(kernel.pad_elem)))
        patches, mask = sliding_window(values, *window, pad, of_padding)
        return patches, mask
    if isinstance(kernel, MaxPool):
        least = np.array([kernel.minimum >> c & 1 for c in range(kernel.channels)], bool)
        size = (kernel.pool_h, kernel.pool_w)
        turned = maxpool(np.where(least, -values, values), size)
        return np.where(least, -turned, turned), None
    assert isinstance(kernel, MatrixVector) and layer.weights is not None  # noqa: S101, PT018
    rows = values
    if flags is not None and kernel.pad_flags:
        rows = np.where(flags, 0, rows)
    if flags is None and values.shape[-1] != kernel.mw:
        rows = values.reshape(len(values), 1, 1, -1)
    sums = (rows.astype(np.float64) @ layer.weights.T.astype(np.float64)).astype(np.int64)
    return layer.outputs(sums), None


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
        kernel = KERNELS[node["module"]].of(node["parameters"])
        ends = [_element(s[node["name"]]) for s in (sources, streams)]
        rows = {
            parameter: read_hex(folder / "rtl" / memory["file"], memory["width_bits"])
            for parameter, memory in memories.get(node["name"], {}).items()
        }
        layers.append(_layer(node["name"], kernel, ends[0], ends[1], rows))
    return DecodedDesign(tuple(layers), _element(streams[""]))


def _element(stream: Mapping[str, Any]) -> Element:
    return Element(stream["elem_bits"], stream["signed"])


def _layer(
    name: str, kernel: Kernel, source: Element, sink: Element, rows: Mapping[str, NDArray[np.uint8]]
) -> Decoded:
    if isinstance(kernel, InputTable):
        codes = unpack_words(rows["TableFile"], 1, kernel.out_bits, signed=False)[:, 0]
        return Decoded(name, kernel, source, sink, table=sink.value(codes.astype(np.int64)))
    if isinstance(kernel, InputOffset):
        codes = np.arange(1 << kernel.in_bits) - kernel.offset
        return Decoded(name, kernel, source, sink, table=sink.value(codes))
    if not isinstance(kernel, MatrixVector):
        return Decoded(name, kernel, source, sink)
    weights = _weights(kernel, rows["WeightFile"])
    stored = _stored(kernel, rows["ThreshFile"]) if kernel.steps else None
    return Decoded(name, kernel, source, sink, weights=weights, stored=stored)


def _weights(kernel: MatrixVector, rows: NDArray[np.uint8]) -> Integers:
    """Return weights (MH, MW): word nf * SF + sf holds row nf * PE + p, column sf * SIMD + s."""
    lanes, bits = kernel.pe * kernel.simd, kernel.weight_bits
    words = unpack_words(rows, lanes, bits, signed=bits > 1).astype(np.int64)
    words = 2 * words - 1 if bits == 1 else words
    folded: Integers = words.reshape(kernel.nf, kernel.sf, kernel.pe, kernel.simd)
    return folded.transpose(0, 2, 1, 3).reshape(kernel.mh, kernel.mw)


def _stored(kernel: MatrixVector, rows: NDArray[np.uint8]) -> Integers:
    """Return stored thresholds (MH, steps) from rows; chunks lie in rows, low bits first."""
    lanes, chunks = kernel.pe * kernel.steps, kernel.thresh_chunks
    width = -(-kernel.thresh_bits // chunks)
    parts = unpack_words(rows, lanes, width, signed=False).astype(np.int64)
    parts = parts.reshape(kernel.nf, chunks, lanes) << (width * np.arange(chunks))[:, None]
    values: Integers = parts.sum(axis=1).reshape(kernel.mh, kernel.steps)
    if kernel.compares_counts:
        return values
    negative = values >> (kernel.thresh_bits - 1) == 1
    signed: Integers = np.where(negative, values - (1 << kernel.thresh_bits), values)
    return signed
