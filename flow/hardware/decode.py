"""Read an accelerator back from its files, and prove that two of them compute the same.

    python -m flow.hardware.decode OLD NEW [NETWORK]

OLD and NEW are folders of the stage generate_rtl: `design.json` and `rtl/`. What a layer computes
is taken from parameters and memory images alone. Both this version's design.json and the one in
which `streams[k]` belonged to `nodes[k]` are read. Where the two differ, NETWORK, the folder
`network` of a build, says which is right: errors of OLD are listed, one of NEW ends the run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driver.packing import unpack_words
from flow.errors import CheckFailed
from flow.hardware.kernel import Kernel
from flow.hardware.kernels import (
    KERNELS,
    InputOffset,
    InputTable,
    MatrixVector,
    MaxPool,
    SlidingWindow,
)
from flow.hardware.memory_image import read_hex
from flow.hardware.plan import ProductLayer, plan_hardware
from flow.hardware.reference import maxpool, sliding_window
from flow.network import Network, load_network

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


@dataclass(frozen=True)
class LayerProof:
    """One layer in both designs. differences: parameters and bytes, each with its cause."""

    name: str
    channels: int
    values: int
    """Values or sums that were tried in each channel: all that can occur."""
    differences: tuple[str, ...]


def prove(
    old: DecodedDesign, new: DecodedDesign, network: Network | None = None
) -> list[LayerProof]:
    """Return what was proven of each layer; CheckFailed naming the first channel that differs.

    network: what NEW was made from. Where NEW is as it says, the difference is no failure.
    """
    names = [[layer.name for layer in design.layers] for design in (old, new)]
    if names[0] != names[1]:
        raise CheckFailed(f"decode: the layers are {names[0]} and {names[1]}")
    products = {} if network is None else _products(network)
    pairs = zip(old.layers, new.layers, strict=True)
    return [_prove(one, other, products.get(one.name)) for one, other in pairs]


def _products(network: Network) -> dict[str, ProductLayer]:
    return {each.layer.name: each for each in plan_hardware(network).products}


def _prove(old: Decoded, new: Decoded, judge: ProductLayer | None) -> LayerProof:
    differences = tuple(_parameters(old, new))
    if old.table is not None and new.table is not None:
        if not np.array_equal(old.table, new.table):
            wrong = int(np.flatnonzero(old.table != new.table)[0])
            raise CheckFailed(
                f"decode: {old.name}: pixel {wrong} gives {old.table[wrong]} and {new.table[wrong]}"
            )
        return LayerProof(old.name, 1, len(old.table), differences)
    if old.weights is None or new.weights is None:
        return LayerProof(old.name, 0, 0, differences)
    signs = _signs(old, new)
    low, high = (
        min(old.reach[0], new.reach[0]),
        max(old.reach[1], new.reach[1]),
    )
    sums = np.arange(low, high + 1)
    kernel = old.kernel
    assert isinstance(kernel, MatrixVector)  # noqa: S101 - it has weights
    if kernel.counts and not kernel.pad_flags:  # a sum of K terms of -1 and +1
        sums = sums[(sums + kernel.mw) % 2 == 0]
    of_channels = np.repeat(sums[:, None], len(signs), axis=1)
    found = new.outputs(of_channels * signs)
    differ = old.outputs(of_channels) != found
    if np.any(differ):
        at, channel = (int(v) for v in np.argwhere(differ)[0])
        where = f"channel {channel} differs at the sum {sums[at]}"
        if judge is None:
            raise CheckFailed(f"decode: {old.name}, {where}")
        wrong = differ & (found != _judged(judge, new, of_channels * signs))
        if np.any(wrong):
            raise CheckFailed(f"decode: {old.name}, {where}, and NEW is not as the network")
        differences += (_old_is_wrong(sums, differ),)
    return LayerProof(old.name, len(signs), len(sums), (*differences, *_bytes(old, new, signs)))


def _judged(judge: ProductLayer, layer: Decoded, sums: Integers) -> Integers:
    """Return what the network makes of sums (..., MH) of this layer's weights."""
    assert layer.weights is not None and judge.threshold is not None  # noqa: S101, PT018
    own = judge.product.weights.reshape(layer.weights.shape).astype(np.int64)
    signs = np.where((own == layer.weights).all(axis=1), 1, -1)
    frames = (sums * signs)[:, None, None, :]
    return judge.threshold.compute([frames])[:, 0, 0, :]


def _old_is_wrong(sums: Integers, differ: NDArray[np.bool_]) -> str:
    channels = np.flatnonzero(differ.any(axis=0))
    where = sums[differ.any(axis=1)]
    return (
        f"OLD is wrong in {len(channels)} channels ({', '.join(map(str, channels[:4]))}, ...) at "
        f"the sums {where.min()} to {where.max()}, {int(differ.sum())} in all; NEW is right"
    )


def _signs(old: Decoded, new: Decoded) -> Integers:
    """Return +1 or -1 for each channel: its weights are the same, or all negated."""
    assert old.weights is not None and new.weights is not None  # noqa: S101, PT018
    if old.weights.shape != new.weights.shape:
        raise CheckFailed(f"decode: {old.name}: {old.weights.shape} and {new.weights.shape}")
    same = (old.weights == new.weights).all(axis=1)
    negated = (old.weights == -new.weights).all(axis=1)
    if not np.all(same | negated):
        channel = int(np.flatnonzero(~(same | negated))[0])
        raise CheckFailed(f"decode: {old.name}, channel {channel} has other weights")
    return np.where(same, 1, -1)


_FREE = {"PE", "SIMD", "Pe", "Simd", "Pixels", "PixelsIn", "PixelsOut", "WeightStyle", "Loadable"}
_CAUSES = {
    "AccBits": "the bits that the sums need",
    "ThreshBits": "follows AccBits",
    "WeightBits": "the bits that the weights need",
    "OutBits": "the bits that the codes need",
    **dict.fromkeys(_FREE, "folding"),
    **dict.fromkeys(("ThreshChunks", "ReadLatency"), "follows from the folding"),
}
"""Parameters that may differ although the function is the same, and why they do."""


def _parameters(old: Decoded, new: Decoded) -> Iterator[str]:
    """Yield every parameter that differs, with its cause; CheckFailed for one that must not."""
    mine, theirs = old.kernel.parameters(), new.kernel.parameters()
    for name in sorted(mine.keys() | theirs.keys()):
        pair = mine.get(name), theirs.get(name)
        if pair[0] == pair[1]:
            continue
        if name not in _CAUSES:
            raise CheckFailed(f"decode: {old.name}: {name} is {pair[0]} and {pair[1]}")
        yield f"{name} {pair[0]} -> {pair[1]}: {_CAUSES[name]}"


def _bytes(old: Decoded, new: Decoded, signs: Integers) -> Iterator[str]:
    """Yield why memory images differ, beside a folding or widths that do."""
    negated = int((signs < 0).sum())
    if negated:
        yield f"{negated} channels have their weights negated"
    if old.stored is None or new.stored is None:
        return
    if old.stored.shape != new.stored.shape:
        yield f"{old.stored.shape[1]} -> {new.stored.shape[1]} thresholds a channel"
        return
    moved = int((old.stored != new.stored).sum())
    if moved:
        yield f"{moved} stored thresholds are others"


def main(arguments: list[str]) -> int:
    """Compare two folders; print a line a layer."""
    if len(arguments) not in (2, 3):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    network = load_network(Path(arguments[2])) if len(arguments) == 3 else None
    try:
        old, new = (decode(Path(folder)) for folder in arguments[:2])
        proofs = prove(old, new, network)
    except CheckFailed as error:
        sys.stderr.write(f"{error}\n")
        return 3
    for proof in proofs:
        said = "; ".join(proof.differences) or "identical"
        sys.stdout.write(
            f"{proof.name}: {proof.channels} channels x {proof.values} values equal; {said}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
