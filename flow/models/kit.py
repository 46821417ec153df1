"""What a topology is built from: one list of layers, made of Brevitas or of plain PyTorch parts."""

from __future__ import annotations

from typing import Protocol

from torch import nn

BATCH_NORM_EPSILON = 1e-4


class LayerKit(Protocol):
    """Maker of the quantised layers; both kits give parameters of equal names and shapes."""

    def input(self) -> nn.Module:
        """Return the map from pixels in [0, 1] to multiples of 1/128 in [-1, 127/128]."""
        ...

    def sign(self) -> nn.Module:
        """Return the 1-bit activation: -1 below zero, +1 from zero on."""
        ...

    def conv(self, inputs: int, outputs: int, padding: int) -> nn.Module:
        """Return a 3 x 3 convolution with weights of -1 and +1, no bias."""
        ...

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """Return a dense layer with weights of -1 and +1, no bias."""
        ...


def batch_norm_2d(channels: int) -> nn.BatchNorm2d:
    """Return the BatchNorm used after every convolution."""
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON)


def batch_norm_1d(features: int) -> nn.BatchNorm1d:
    """Return the BatchNorm used after every dense layer but the last."""
    return nn.BatchNorm1d(features, eps=BATCH_NORM_EPSILON)
