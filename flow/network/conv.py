"""Conv: a convolution over a map, dense or in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from flow.network.edge import Edge
from flow.network.node import Integers, Node, Window
from flow.network.product import Weights, convolved


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """sum over kernel row, kernel column and input channel of weight * input; no bias, no scale.

    weights: int8 or int32, (outputs, KH, KW, input channels / groups). window: kernel, stride,
    padding, dilation. pad_value: what padding is read as. 0 adds nothing, also where the input is
    -1 and +1 and has no zero; any other value must be one that the input can have.

    Refused: a padding value that is neither; channels that the groups do not divide; one channel a
    group, which is Depthwise.
    """

    weights: Weights
    window: Window
    pad_value: int = 0
    groups: int = 1
    kind: ClassVar[str] = "Conv"

    def edge(self, inputs: Sequence[Edge]) -> Edge:
        source = self.one(inputs)
        outputs, _, _, channels = self.weights.shape
        if channels * self.groups != source.shape[2] or outputs % self.groups:
            self.refuse(
                f"{self.groups} groups of {channels} channels do not make the input's "
                f"{source.shape[2]}, or do not divide {outputs} outputs"
            )
        if self.groups > 1 and channels == 1:
            self.refuse("one channel a group is a Depthwise")
        return convolved(self, source, self.weights, self.window, self.pad_value, outputs)

    def compute(self, inputs: Sequence[Integers]) -> Integers:
        patches = self.window.patches(inputs[0], self.pad_value)
        count, height, width, kernel_h, kernel_w, channels = patches.shape
        each = channels // self.groups
        grouped = patches.reshape(count, height, width, kernel_h, kernel_w, self.groups, each)
        rows = grouped.transpose(5, 0, 1, 2, 3, 4, 6).reshape(self.groups, count, height, width, -1)
        parts = self.weights.astype(np.int64).reshape(self.groups, -1, rows.shape[-1])
        sums = [exact_product(r, w) for r, w in zip(rows, parts, strict=True)]
        return np.concatenate(sums, axis=-1)

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates for each output pixel."""
        return int(self.weights.size)


def exact_product(rows: Integers, weights: Integers) -> Integers:
    """Return rows (..., K) times weights (M, K) as (..., M), exactly.

    In float64, which is exact below 2**53 and many times faster than NumPy's integer product.
    """
    product: Integers = (rows.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)
    return product
