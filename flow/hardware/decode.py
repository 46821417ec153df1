"""Read an accelerator back from its files, and prove that two of them compute the same.

    python -m flow.hardware.decode OLD NEW [NETWORK]

OLD and NEW are folders of the stage generate_rtl: `design.json` and `rtl/`. What a layer computes
is taken from parameters and memory images alone. Both this version's design.json and the one in
which `streams[k]` belonged to `nodes[k]` are read. Where the two differ, NETWORK, the folder
`network` of a build, says which is right: errors of OLD are listed, one of NEW ends the run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flow.errors import CheckFailed
from flow.hardware.decoded import Decoded, DecodedDesign, decode
from flow.hardware.kernels.kernel import Integers
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.layers.product import ProductLayer
from flow.hardware.plan import plan_hardware
from flow.network import Network, load_network


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
    **dict.fromkeys(("ThreshChunks", "ReadLatency", "AddrCopies"), "follows from the folding"),
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
