"""The network against the golden model: every edge that golden knows, on every image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flow.frontend.golden import GoldenModel, GoldenSession
from flow.frontend.views import codes_as_frames
from flow.network import Network

_BATCH = 16


@dataclass(frozen=True)
class Comparison:
    """What was compared, and the first difference."""

    images: int
    tensors: int
    """Tensors of each image: quantisers, sums of products, scores."""
    difference: str
    """Empty, or the first tensor that differs: image, position, both values."""

    @property
    def bit_exact(self) -> bool:
        """Whether nothing differs."""
        return not self.difference


def compare_with_golden(network: Network, golden: GoldenModel, images: NDArray[Any]) -> Comparison:
    """Run both on `images`, integers (N, H, W, C), and compare every tensor that both have."""
    session = GoldenSession(golden)
    for start in range(0, len(images), _BATCH):
        part = images[start : start + _BATCH]
        wanted = session.run_with_taps(part, accumulators=True)
        found = network.run(part, keep=set(network.taps.values()))
        for tap, edge in network.taps.items():
            codes = codes_as_frames(
                wanted[tap],
                network.edges[edge].shape,
                channels_last=tap in network.channels_last,
            )
            difference = first_difference(f"{edge} (golden {tap})", found[edge], codes, start)
            if difference:
                return Comparison(len(images), len(network.taps), difference)
    return Comparison(len(images), len(network.taps), "")


def first_difference(
    what: str, found: NDArray[Any], wanted: NDArray[Any], first_image: int = 0
) -> str:
    """Return where two batches of frames (N, ...) differ first; empty where they are equal."""
    if np.array_equal(found, wanted):
        return ""
    wrong = np.argwhere(found != wanted)
    image, *where = (int(v) for v in wrong[0])
    at = (image, *where)
    return (
        f"image {first_image + image}, {what}: {len(wrong)} of {wanted.size} values differ, first "
        f"at {tuple(where)}: {found[at]:g} instead of {wanted[at]:g}"
    )
