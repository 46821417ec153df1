"""How many of the input's codes occur: few of them say that the inputs are the wrong ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flow.frontend.golden import GoldenModel
from flow.network import InputCodes, Network

_FEW = 4  # a quarter of what could occur, or fewer codes, is remarkable


@dataclass(frozen=True)
class CodesSeen:
    """occur: different codes that the inputs give. possible: the codes that the quantiser has."""

    occur: int
    possible: int
    pixels: bool

    @property
    def warning(self) -> str:
        """What to say where so few codes occur that the inputs are hardly those of training."""
        if self.occur * _FEW > min(self.possible, 256):
            return ""
        text = f"{self.occur} of {self.possible} input codes occur: "
        if self.pixels:
            return (
                f"{text}is the network trained on pixels/255? If its images were normalised "
                "outside of the file, set [model] mean and std; if they are no pictures, "
                '[model] input = "values"'
            )
        return f"{text}are these inputs scaled as in training?"


def codes_seen(golden: GoldenModel, network: Network, images: NDArray[Any] | None) -> CodesSeen:
    """Return how many codes occur in `images`, integers as golden takes them.

    Of pixels every value may occur, whatever the images; None: of everything that may occur.
    """
    source, pixels = network.source, golden.input.kind == "pixels"
    values = np.arange(source.low, source.high + 1)
    if not pixels and images is not None:
        values = np.unique(images)
    tables = network.of_kind(InputCodes)
    if not tables or golden.input.kind == "codes":
        return CodesSeen(len(values), source.levels, pixels)
    codes = np.unique(tables[0].table[values.astype(np.int64) - source.low])
    return CodesSeen(len(codes), network.edges[tables[0].name].levels, pixels)
