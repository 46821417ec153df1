"""A plain PyTorch twin of the Brevitas networks: same predictions, faster training."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Sign(torch.autograd.Function):
    """Sign with sign(0) = +1; the gradient passes where |x| <= 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = grads[0] * (x.abs() <= 1)
        return gradient


def sign(x: Tensor) -> Tensor:
    """Return -1 below zero, +1 from zero on, with the clipped straight-through gradient."""
    result: Tensor = _Sign.apply(x)  # type: ignore[no-untyped-call]  # torch declares no types
    return result


class Sign(nn.Module):
    """1-bit activation."""

    def forward(self, x: Tensor) -> Tensor:
        return sign(x)


class BinaryConv2d(nn.Conv2d):
    """Convolution with the signs of its latent weights."""

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, sign(self.weight), padding=self.padding)


class BinaryLinear(nn.Linear):
    """Dense layer with the signs of its latent weights."""

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, sign(self.weight))


class PixelInput(nn.Module):
    """Map pixels / 255 to (pixel - 128) / 128."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(x * 255.0 - 128.0) / 128.0


class TwinKit:
    """Layers of the training twin."""

    def input(self) -> nn.Module:
        return PixelInput()

    def sign(self) -> nn.Module:
        return Sign()

    def conv(self, inputs: int, outputs: int, padding: int) -> nn.Module:
        return BinaryConv2d(inputs, outputs, 3, padding=padding, bias=False)

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        return BinaryLinear(inputs, outputs, bias=False)
