"""Plain floating-point layers: the fp32 reference network, and teachers of 1-bit ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flow.models.kit import PlainBatchNorm, WeightBits


class PixelInput(nn.Module):
    """Map pixels / 255 to (pixel - 128) / 128."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(x * 255.0 - 128.0) / 128.0


class FloatKit(PlainBatchNorm):
    """Real weights, ReLU in the place of every sign."""

    def input(self) -> nn.Module:
        return PixelInput()

    def sign(self) -> nn.Module:
        return nn.ReLU()

    def conv(self, inputs: int, outputs: int, padding: int, bits: WeightBits = 1) -> nn.Module:
        del bits
        return nn.Conv2d(inputs, outputs, 3, padding=padding, bias=False)

    def linear(self, inputs: int, outputs: int, bits: WeightBits = 1) -> nn.Module:
        del bits
        return nn.Linear(inputs, outputs, bias=False)
