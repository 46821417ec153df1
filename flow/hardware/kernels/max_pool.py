"""`bnn_maxpool`: max-pools that cut a map into pieces, half a row at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from flow import network
from flow.hardware.kernels.follower import Follower
from flow.hardware.kernels.kernel import (
    Features,
    Frames,
    Kernel,
    Parameters,
    Rows,
    bits_for,
    channel_mask,
    masked_channels,
)
from flow.hardware.reference import pool
from flow.hardware.stream import Element
from flow.hardware.synthesis.memory import ram

_MEASURED = (
    # H and W, channels, PE, pool, pixels
    (32, 64, 16, 2, 1),
    (32, 64, 64, 2, 1),
    (16, 128, 4, 2, 1),
    (8, 256, 32, 2, 1),
    (4, 512, 8, 4, 1),
    (28, 64, 1, 2, 1),
    (4, 512, 128, 4, 1),
    (32, 64, 16, 2, 2),
    (32, 64, 16, 2, 8),
    (16, 128, 32, 2, 4),
    (4, 512, 32, 4, 2),
)


@dataclass(frozen=True)
class MaxPool(Kernel):
    """The greatest value of each pool; the smallest in the channels of `minimum`."""

    module: ClassVar[str] = "bnn_maxpool"
    ifm_height: int
    ifm_width: int
    channels: int
    pe: int
    pool_h: int
    pool_w: int
    pixels: int = 1
    elem_bits: int = 1
    signed: bool = False
    minimum: int = 0
    """Bit c: channel c takes the smallest value."""

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word that goes out."""
        return self.pe, pooled_pixels(self.pixels, self.pool_w)

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        found = super().parameters()
        if self.minimum:
            found["Minimum"] = f"{self.channels}'h{self.minimum:x}"
        else:
            del found["Minimum"]
        return found

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        pe, pixels, pool = self.pe, self.pixels, self.pool_w
        width = pooled_pixels(pixels, pool) * pe
        beats = max(1, pool // pixels)
        depth = self.ifm_width // (pixels * beats) * (self.channels // pe)
        memory_luts = ram(width, depth, family, block_allowed=False)
        deep = width * max(0, math.ceil(depth / 64) - 1)
        features = {"1": 1.0, "in": pixels * pe, "out": width, "address": bits_for(depth)}
        return Features(memory_luts, {**features, "deep": deep}, features)

    @classmethod
    def measured(cls, family: str) -> list[MaxPool]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return [
            cls(size, size, channels, pe, pool, pool, pixels)
            for size, channels, pe, pool, pixels in _MEASURED
        ]

    def compute(self, frames: Frames, memories: Mapping[str, Rows], sink: Element) -> Frames:
        """Return what goes out as elements of `sink`; memories: rows by parameter."""
        least = masked_channels(self.minimum, self.channels)
        turned = pool(np.where(least, -frames.values, frames.values), (self.pool_h, self.pool_w))
        return Frames(np.where(least, -turned, turned))


@dataclass(frozen=True)
class PoolShape(Follower[network.MaxPool]):
    """The greatest value of each pool; size: (height, width) of the map, pool: of a window."""

    takes = network.MaxPool
    stem = "MaxPool"
    size: tuple[int, int]
    pool: tuple[int, int]
    minimum: int = 0
    """Bit c: channel c takes the smallest value."""

    @classmethod
    def refusal(cls, form: network.Network, node: network.MaxPool) -> str:
        """Return why a pool has no hardware; empty where it has."""
        window, (height, width, _) = node.window, form.edges[node.inputs[0]].shape
        if window.size != window.stride or window.dilation != (1, 1):
            return (
                f"it overlaps or leaves gaps: windows of {window.size} every {window.stride}; "
                "use a stride equal to its size"
            )
        if window.padded:
            return f"it is padded by {window.pad}; pools without padding have a kernel"
        if height % window.size[0] or width % window.size[1]:
            size = f"a {window.size[0]}x{window.size[1]} pool"
            return f"{size} does not divide a {height}x{width} map"
        return ""

    @classmethod
    def of(cls, form: network.Network, node: network.MaxPool, source: Element) -> Self:
        """Return the layer of a pool that reads elements of `source`."""
        height, width, _ = form.edges[node.inputs[0]].shape
        mask = channel_mask(node.minimum)
        return cls(source, (height, width), node.window.size, mask)

    def kernel(self, channels: int, lanes: int, pixels: int) -> MaxPool:
        """Return the kernel for words of `lanes` elements of `pixels` pixels."""
        return MaxPool(
            ifm_height=self.size[0],
            ifm_width=self.size[1],
            channels=channels,
            pe=lanes,
            pool_h=self.pool[0],
            pool_w=self.pool[1],
            pixels=pixels,
            elem_bits=self.element.bits,
            signed=self.element.signed,
            minimum=self.minimum,
        )

    def pixels_out(self, pixels: int) -> int:
        """Return the pixels of a word that goes out; ValueError where a pool is cut."""
        joined = min(pixels, self.pool[1])
        if self.element.bits > 1 and joined > 2:
            raise ValueError(f"max-pool: the maximum of {joined} codes of a word is too deep")
        return pooled_pixels(pixels, self.pool[1])


def pooled_pixels(pixels: int, pool_w: int) -> int:
    """Return the pixels of a word behind a pool; ValueError where pools cut across words."""
    if pool_w % pixels == 0:
        return 1
    if pixels % pool_w == 0:
        return pixels // pool_w
    raise ValueError(f"max-pool: {pixels} pixels a word, pools of {pool_w} columns")
