"""Depthwise: every channel is convolved with kernels of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flow.network.edge import Edge
from flow.network.node import Integers, Node, Window
from flow.network.product import Weights, reach


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
        channels, kernel_h, kernel_w = self.weights.shape
        if (kernel_h, kernel_w) != self.window.size:
            self.refuse(f"its weights are {kernel_h}x{kernel_w}, its window {self.window.size}")
        if channels != source.shape[2]:
            self.refuse(f"it has kernels for {channels} channels, its input {source.shape[2]}")
        fits = source.low <= self.pad_value <= source.high
        if self.pad_value and (not fits or (self.pad_value - source.low) % source.step):
            self.refuse(f"it pads with {self.pad_value}, the input has {source.describe()}")
        try:
            height, width = self.window.out_size(source.shape)
        except ValueError as error:
            self.refuse(str(error))
        low, high = reach(self.weights, source, self.pad_value if self.window.padded else None)
        return Edge((height, width, channels), low, high)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        patches = self.window.patches(inputs[0], self.pad_value)
        weights = self.weights.astype(np.int64)
        sums: Integers = np.einsum("nhwklc,ckl->nhwc", patches, weights)
        return sums

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates for each output pixel."""
        return int(self.weights.size)
