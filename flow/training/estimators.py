"""Signs and their stand-in gradients, and other small arithmetic that methods share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def _signs(x: Tensor) -> Tensor:
    """Return -1 and +1 in the type of `x`; several times as fast on a CPU as torch.where.

    Adding zero makes +0 of -0. Nothing is done in place: torch.compile of PyTorch 2.11 loses the
    gradient of an autograd.Function that changes a tensor in its forward pass.
    """
    return torch.copysign(x.new_ones(()), x + 0.0)


class _Sign(torch.autograd.Function):
    """Sign with sign(0) = +1; the gradient passes where |x| <= 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _signs(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        # hardtanh's gradient stops at its bounds themselves, so they are the next numbers above 1.
        bound = 1.0 + torch.finfo(x.dtype).eps
        gradient: Tensor = torch.ops.aten.hardtanh_backward(grads[0], x, -bound, bound)
        return gradient


class _SignWithSlope(torch.autograd.Function):
    """Sign whose gradient is multiplied with a given slope."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return _signs(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return grads[0] * slope, None


def sign(x: Tensor) -> Tensor:
    """Return -1 below zero, +1 from zero on, with the clipped straight-through gradient."""
    result: Tensor = _Sign.apply(x)  # type: ignore[no-untyped-call]  # torch declares no types
    return result


def sign_with_slope(x: Tensor, slope: Tensor) -> Tensor:
    """Return the sign of `x`; backwards the gradient is multiplied with `slope`, shape of `x`."""
    result: Tensor = _SignWithSlope.apply(x, slope)  # type: ignore[no-untyped-call]
    return result


def straight_through(value: Tensor, x: Tensor) -> Tensor:
    """Return `value` with the gradient of `x`."""
    return value.detach() + (x - x.detach())


def per_output(values: Tensor, rank: int) -> Tensor:
    """Reshape (outputs,) so that it broadcasts over a weight with `rank` axes, outputs first."""
    return values.reshape(-1, *[1] * (rank - 1))


def centred(latent: Tensor) -> Tensor:
    """Subtract the mean of each filter."""
    return latent - latent.mean(dim=tuple(range(1, latent.dim())), keepdim=True)


def mean_magnitude(latent: Tensor) -> Tensor:
    """Return the mean |weight| of each filter, shape (outputs,)."""
    return latent.detach().abs().flatten(1).mean(dim=1)


SCALE_BITS = 10
_SMALLEST_SCALE = 2.0**-12


def exact_scale(scale: Tensor, bound: int) -> Tensor:
    """Round a positive `scale` to so few bits that its product with every sum is exact.

    `bound` is the largest |sum| of the layer's integers. With at most 24 - log2(bound) bits in the
    scale, `scale * sum` and every partial sum of scaled terms is exact in float32 whatever the
    order, so PyTorch, qonnx, onnxruntime and the streamlined graph cannot differ.
    """
    bits = max(2, min(SCALE_BITS, 24 - bound.bit_length()))
    mantissa, exponent = torch.frexp(scale.clamp(min=_SMALLEST_SCALE))
    return torch.ldexp(torch.round(mantissa * 2**bits) / 2**bits, exponent)


def nearest_power_of_two(x: Tensor) -> Tensor:
    """Return AP2(x) = sign(x) * 2 ** round(log2 |x|), and 0 for 0; straight-through gradient."""
    magnitude = torch.exp2(torch.round(torch.log2(x.detach().abs().clamp(min=1e-30))))
    return straight_through(torch.sign(x.detach()) * magnitude, x)
