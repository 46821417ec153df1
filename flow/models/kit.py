"""What a topology is built from: one list of layers, made of Brevitas or of plain PyTorch parts."""

from __future__ import annotations

from typing import Literal, Protocol

from torch import nn

BATCH_NORM_EPSILON = 1e-4

WeightBits = Literal[1, 8]


class LayerKit(Protocol):
    """Maker of the layers; every kit gives parameters of equal names and shapes."""

    def input(self) -> nn.Module:
        """Return the map from pixels in [0, 1] to multiples of 1/128 in [-1, 127/128]."""
        ...

    def sign(self) -> nn.Module:
        """Return the 1-bit activation: -1 below zero, +1 from zero on."""
        ...

    def conv(self, inputs: int, outputs: int, padding: int, bits: WeightBits = 1) -> nn.Module:
        """Return a 3 x 3 convolution, no bias; weights -1 and +1, or 8 bits."""
        ...

    def linear(self, inputs: int, outputs: int, bits: WeightBits = 1) -> nn.Module:
        """Return a dense layer, no bias; weights -1 and +1, or 8 bits."""
        ...

    def batch_norm_2d(self, channels: int) -> nn.Module:
        """Return the BatchNorm behind a convolution."""
        ...

    def batch_norm_1d(self, features: int) -> nn.Module:
        """Return the BatchNorm behind a dense layer."""
        ...


class PlainBatchNorm:
    """The part of a kit that is the same for most: PyTorch's BatchNorm."""

    def batch_norm_2d(self, channels: int) -> nn.Module:
        """Return the BatchNorm behind a convolution."""
        return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON)

    def batch_norm_1d(self, features: int) -> nn.Module:
        """Return the BatchNorm behind a dense layer."""
        return nn.BatchNorm1d(features, eps=BATCH_NORM_EPSILON)


class Channels:
    """Channel counts of the layers in order: by width, or as given (a pruned network's)."""

    def __init__(self, width: float, given: tuple[int, ...] | None) -> None:
        self._width, self._given = width, list(given) if given is not None else None

    def next(self, full_width: int) -> int:
        """Return the channels of the next layer, which has `full_width` at width 1."""
        if self._given is not None:
            return self._given.pop(0)
        return round(full_width * self._width)
