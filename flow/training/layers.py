"""The layers that are trained: latent real weights, signs and 8-bit codes in the forward pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flow.training.estimators import exact_scale, straight_through

if TYPE_CHECKING:
    from flow.training.methods.base import Method, Phase

CHANNEL_STEP = 8  # masks keep multiples of this many channels, so that folding has divisors
_INPUT_CODE_BOUND = 128


class Sign(nn.Module):
    """1-bit activation."""

    def __init__(self, method: Method, phase: Phase) -> None:
        super().__init__()
        self._method, self._phase = method, phase

    def forward(self, x: Tensor) -> Tensor:
        return self._method.activation(x, self._phase)


class BinaryLayer(nn.Module):
    """What 1-bit convolutions and dense layers share: rule, scale and mask."""

    weight: Tensor
    scale: Tensor | None
    mask: nn.Parameter | None
    method: Method
    phase: Phase
    is_first: bool

    def set_up(self, method: Method, phase: Phase) -> None:
        """Choose the rule; no scale and no mask yet."""
        self.method, self.phase, self.is_first = method, phase, False
        self.register_buffer("scale", None)
        self.register_parameter("mask", None)

    @property
    def scaled(self) -> bool:
        """Whether the filters have a scale."""
        return self.scale is not None

    def add_scale(self) -> None:
        """Give every filter a scale, 1 for now."""
        self.scale = torch.ones(self.weight.shape[0])

    def set_scale(self, scale: Tensor) -> None:
        """Set the scales (outputs,), rounded so that products with sums stay exact."""
        inputs = self.weight[0].numel()
        bound = inputs * (_INPUT_CODE_BOUND if self.is_first else 1)
        if self.scale is not None:
            self.scale.copy_(exact_scale(scale, bound))

    def scale_like_weight(self) -> Tensor:
        """Return the scales so that they broadcast over the weights."""
        scale = self.scale if self.scale is not None else torch.ones(1, device=self.weight.device)
        return scale.reshape(-1, *[1] * (self.weight.dim() - 1))

    def binary_weight(self) -> Tensor:
        """Return the weights of the finished network, -1 and +1."""
        return self.method.binary(self.weight.detach())

    def current_weight(self) -> Tensor:
        """Return the weights of this pass."""
        if self.training:
            return self.method.weight(self.weight, self.phase)
        return self.binary_weight()

    def gated(self, x: Tensor) -> Tensor:
        """Return the input with masked channels zeroed, as if they were not there."""
        if self.mask is None:
            return x
        gate = straight_through(kept_channels(self.mask).to(x.dtype), self.mask)
        return x * gate.reshape(1, -1, *[1] * (x.dim() - 2))

    def scaled_output(self, y: Tensor) -> Tensor:
        """Return the sums times the scales of their filters."""
        if self.scale is None:
            return y
        return y * self.scale.reshape(1, -1, *[1] * (y.dim() - 2))


class BinaryConv2d(BinaryLayer, nn.Conv2d):
    """Convolution with 1-bit weights."""

    def forward(self, input: Tensor) -> Tensor:
        y = F.conv2d(self.gated(input), self.current_weight(), padding=self.padding)
        return self.scaled_output(y)


class BinaryLinear(BinaryLayer, nn.Linear):
    """Dense layer with 1-bit weights."""

    def forward(self, input: Tensor) -> Tensor:
        return self.scaled_output(F.linear(self.gated(input), self.current_weight()))


def _eight_bit(latent: Tensor) -> Tensor:
    """Round to codes -128..127 of 1/128, straight-through inside the range."""
    codes = torch.clamp(torch.round(latent.detach() * 128), -128, 127) / 128
    return straight_through(codes, latent.clamp(-1, 127 / 128))


class ByteConv2d(nn.Conv2d):
    """Convolution with 8-bit weights."""

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, _eight_bit(self.weight), padding=self.padding)


class ByteLinear(nn.Linear):
    """Dense layer with 8-bit weights."""

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, _eight_bit(self.weight))


def binary_layers(model: nn.Module) -> Iterator[BinaryLayer]:
    """Yield the 1-bit layers in order."""
    for layer in model.modules():
        if isinstance(layer, BinaryLayer):
            yield layer


def product_layers(model: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """Return the convolutions and dense layers in order."""
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def kept_channels(mask: Tensor) -> Tensor:
    """Return bool (C,): which channels stay, the best ones, a multiple of CHANNEL_STEP of them."""
    values = mask.detach()
    wanted = int((values >= 0).sum())
    count = min(len(values), max(1, math.ceil(wanted / CHANNEL_STEP)) * CHANNEL_STEP)
    kept = torch.zeros(len(values), dtype=torch.bool, device=values.device)
    order = torch.argsort(values, descending=True, stable=True)
    kept[order[:count]] = True
    return kept


def score_divisor(model: nn.Sequential) -> float:
    """Return what brings the scores, sums of `fan_in` signs, to about unit spread for the loss.

    1 for a plain nn.Linear, whose real weights find their own scale.
    """
    last = list(model.children())[-1]
    if not isinstance(last, nn.Linear) or type(last) is nn.Linear:
        return 1.0
    return math.sqrt(last.in_features)
