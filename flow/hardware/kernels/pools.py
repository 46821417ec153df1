"""The layers that `bnn_pool` is: a maximum or a sum over any windows of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flow import network
from flow.hardware.kernels.follower import Follower
from flow.hardware.kernels.kernel import channel_mask
from flow.hardware.kernels.window_pool import WindowPool
from flow.hardware.stream import Element, element_of
from flow.network import Window


@dataclass(frozen=True)
class PoolBehind(Follower[Any]):
    """What both have in common; size: (height, width) of the map, source: of what comes in."""

    source: Element
    size: tuple[int, int]
    window: Window

    def pool(self, channels: int, lanes: int, **kind: Any) -> WindowPool:
        """Return the kernel of a maximum, or with `sum` of a sum."""
        top, left, bottom, right = self.window.pad
        return WindowPool(
            *(*self.size, channels, lanes, *self.window.size, *self.window.stride),
            *(top, left, bottom, right, self.source.bits, self.source.signed),
            **kind,
        )


@dataclass(frozen=True)
class WindowMax(PoolBehind):
    """Max-pools that overlap, reach into padding, or leave an edge of the map out."""

    takes = network.MaxPool
    stem = "WindowMax"
    minimum: int = 0
    """Bit c: channel c takes the smallest value."""

    @classmethod
    def refusal(cls, form: network.Network, node: network.MaxPool) -> str:
        """Return why a pool has no hardware; empty where it has."""
        return _refusal(node)

    @classmethod
    def of(cls, form: network.Network, node: network.MaxPool, source: Element) -> WindowMax:
        """Return the layer of a pool that reads elements of `source`."""
        height, width, _ = form.edges[node.inputs[0]].shape
        mask = channel_mask(node.minimum)
        return cls(source, source, (height, width), node.window, mask)

    def kernel(self, channels: int, lanes: int, pixels: int) -> WindowPool:
        """Return the kernel for words of `lanes` elements of one pixel."""
        return self.pool(channels, lanes, minimum=self.minimum)


@dataclass(frozen=True)
class WindowSum(PoolBehind):
    """Sums of windows: averages, whose division is in what stands behind them."""

    takes = network.SumPool
    stem = "WindowSum"

    @classmethod
    def refusal(cls, form: network.Network, node: network.SumPool) -> str:
        """Return why a pool has no hardware; empty where it has."""
        return _refusal(node)

    @classmethod
    def of(cls, form: network.Network, node: network.SumPool, source: Element) -> WindowSum:
        """Return the layer of a pool that reads elements of `source`."""
        height, width, _ = form.edges[node.inputs[0]].shape
        return cls(element_of(form.edges[node.name]), source, (height, width), node.window)

    def kernel(self, channels: int, lanes: int, pixels: int) -> WindowPool:
        """Return the kernel for words of `lanes` elements of one pixel."""
        return self.pool(channels, lanes, sum=True, sum_bits=self.element.bits)


def _refusal(node: network.MaxPool | network.SumPool) -> str:
    if node.window.dilation != (1, 1):
        return f"it is dilated by {node.window.dilation}; windows without gaps have a kernel"
    if any(pad >= size for pad, size in zip(node.window.pad, node.window.size * 2, strict=True)):
        return f"its padding {node.window.pad} is not smaller than its window {node.window.size}"
    return ""
