"""Depthwise: every channel is convolved with kernels of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flow.network.edge import Edge
from flow.network.node import Integers, Node, Window
from flow.network.product import Weights, convolved


@dataclass(frozen=True, eq=False)
class Depthwise(Node):
    """sum over kernel row and kernel column of weight * input, channel by channel.

    weights: int8 or int32, (channels, KH, KW). window and pad_value: as in Conv.

    Refused: another number of channels than the input has; a padding value that is neither 0 nor
    one of the input's.
    """

    weights: Weights
    window: Window
    pad_value: int = 0
    kind: ClassVar[str] = "Depthwise"

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        source = self.one(inputs)
        channels = len(self.weights)
        if channels != source.shape[2]:
            self.refuse(f"it has kernels for {channels} channels, its input {source.shape[2]}")
        return convolved(self, source, self.weights, self.window, self.pad_value, channels)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        patches = self.window.patches(inputs[0], self.pad_value)
        weights = self.weights.astype(np.int64)
        sums: Integers = np.einsum("nhwklc,ckl->nhwc", patches, weights)
        return sums

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates for each output pixel."""
        return int(self.weights.size)
