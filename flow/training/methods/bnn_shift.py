"""BNN with shift-based BatchNorm: every multiplication is by a power of two."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flow.models.kit import BATCH_NORM_EPSILON
from flow.training.estimators import nearest_power_of_two
from flow.training.methods.base import Method


class _ShiftMixin:
    """Forward of the paper's shift-based BatchNorm; AP2 is the nearest power of two."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:  # type: ignore[attr-defined]
            scale, variance = self.inference_parameters()
            return F.batch_norm(
                input,
                self.running_mean,  # type: ignore[attr-defined]
                variance,
                scale,
                self.bias,  # type: ignore[attr-defined]
                False,
                0.0,
                BATCH_NORM_EPSILON,
            )
        axes = [axis for axis in range(input.dim()) if axis != 1]
        shape = [1, -1] + [1] * (input.dim() - 2)
        mean = input.mean(axes)
        offset = input - mean.reshape(shape)
        variance = (offset * nearest_power_of_two(offset)).mean(axes)
        with torch.no_grad():
            self.running_mean.lerp_(mean.detach(), 0.1)  # type: ignore[attr-defined]
            self.running_var.lerp_(variance.detach(), 0.1)  # type: ignore[attr-defined]
        inverse = nearest_power_of_two(torch.rsqrt(variance + BATCH_NORM_EPSILON))
        scale = inverse * nearest_power_of_two(self.weight)  # type: ignore[attr-defined]
        shift: Tensor = self.bias  # type: ignore[attr-defined]
        return offset * scale.reshape(shape) + shift.reshape(shape)

    def inference_parameters(self) -> tuple[Tensor, Tensor]:
        """Return scale and variance of a plain BatchNorm that does the same, both (C,).

        The scale is a power of two; the variance makes the divisor sqrt(var + eps) one.
        """
        inverse = torch.rsqrt(self.running_var + BATCH_NORM_EPSILON)  # type: ignore[attr-defined]
        scale = nearest_power_of_two(inverse) * nearest_power_of_two(self.weight)  # type: ignore[attr-defined]
        return scale, torch.full_like(scale, 1 - BATCH_NORM_EPSILON)


class ShiftBatchNorm1d(_ShiftMixin, nn.BatchNorm1d):
    """Shift-based BatchNorm of (N, C)."""


class ShiftBatchNorm2d(_ShiftMixin, nn.BatchNorm2d):
    """Shift-based BatchNorm of (N, C, H, W)."""


class BnnShift(Method):
    """Combine with any rule of weights and activations; its own shift-based AdaMax is left out."""

    name = "bnn-shift"
    reference = (
        "Hubara, Courbariaux, Soudry, El-Yaniv, Bengio: Binarized Neural Networks, NeurIPS 2016, "
        "arXiv 1602.02830, shift-based BatchNorm"
    )
    maps_unchanged = True
    reason = "a BatchNorm whose scale is a power of two is a BatchNorm: it becomes a threshold"
    decides = frozenset({"batch_norm"})

    def batch_norm(self, channels: int, dimensions: Literal[1, 2]) -> nn.Module:
        kind = ShiftBatchNorm1d if dimensions == 1 else ShiftBatchNorm2d
        return kind(channels, eps=BATCH_NORM_EPSILON)
