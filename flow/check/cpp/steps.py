"""The steps of a compiled network, as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flow.network import (
    Shape,
)

Kind = Literal[
    "input_codes",
    "input_bits",
    "conv_codes",
    "conv_bits",
    "pool",
    "depthwise",
    "threshold",
    "map",
    "scores",
]
IMAGES = -1
"""Source of a layer that reads the images."""


@dataclass(frozen=True, eq=False)
class Step:
    """One layer of the compiled model; shapes are (height, width, channels) of a frame.

    A convolution and the Threshold behind it are one layer, named after what comes out. A fully
    connected layer is the convolution whose kernel covers its input.

    sources: indices of the layers that are read, IMAGES for the pixels. slot: memory of the output.
    table: int64 (256,) of the input layers, by byte. weights: int64 (outputs, KH * KW * channels),
    columns in the order kernel row, kernel column, channel, in {-1, +1} of conv_bits; of depthwise
    (KH * KW, channels). thresholds: int64 (outputs, steps) that a sum has to reach; None where sums
    go out. pad: top, left. mask: bool (channels,), minima of a pool of bits, falling channels of a
    threshold. map: the file in maps/ of a step from codes to codes; constants: what it reads.
    codes_out: what goes out is numbers; else one threshold gives a bit, -1 or +1.
    """

    name: str
    kind: Kind
    sources: tuple[int, ...]
    in_shape: Shape
    out_shape: Shape
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    pad_value: int = 0
    table: NDArray[np.int64] | None = None
    weights: NDArray[np.int64] | None = None
    thresholds: NDArray[np.int64] | None = None
    mask: NDArray[np.bool_] | None = None
    map: str = ""
    constants: NDArray[np.int64] | None = None
    codes_out: bool = False
    low: int = -1
    rise: int = 2
    slot: int = -1

    @property
    def scores(self) -> bool:
        """Whether the layer hands out the scores."""
        return self.kind == "scores" or (
            self.kind in ("conv_bits", "conv_codes") and self.thresholds is None
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image, padding counted."""
        if self.weights is None:
            return 0
        return self.out_shape[0] * self.out_shape[1] * int(self.weights.size)

    @property
    def counted_bits(self) -> int:
        """Bits that are really counted for one image: words are filled up, padding is left out."""
        if self.kind != "conv_bits":
            return 0
        taps = 1
        for axis in range(2):
            starts = np.arange(self.out_shape[axis]) * self.stride[axis] - self.pad[axis]
            last = np.clip(self.in_shape[axis] - starts, 0, self.kernel[axis])
            first = np.clip(-starts, 0, self.kernel[axis])
            taps *= int(np.maximum(last - first, 0).sum())
        return taps * filled(self.in_shape[2], 64) * filled(self.out_shape[2], 8)


@dataclass(frozen=True)
class Program:
    """The layers in the order in which they run; the last one gives the scores."""

    layers: tuple[Step, ...]

    @cached_property
    def slots(self) -> int:
        """Memories for outputs; one is used again when its last reader has run."""
        return max(layer.slot for layer in self.layers) + 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image."""
        return sum(layer.macs for layer in self.layers)

    @property
    def binary_macs(self) -> int:
        """Those of them that are XNOR and popcount."""
        return sum(layer.macs for layer in self.layers if layer.kind == "conv_bits")

    @property
    def counted_bits(self) -> int:
        """Bits the compiled model really counts for one image."""
        return sum(layer.counted_bits for layer in self.layers)


def filled(count: int, multiple: int) -> int:
    """Return `count` rounded up to a `multiple`."""
    return -(-count // multiple) * multiple
