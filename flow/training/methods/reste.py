"""ReSTE: the gradient of a power function between the straight line and the sign."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from flow.training.estimators import sign_with_slope
from flow.training.methods.base import Method, Phase


class ReSTE(Method):
    """f(x) = sign(x) |x| ** (1 / o), o rising; the slope is cut off beyond t and below m.

    Only activations get this gradient; in the authors' code the weights do too, with a scale.
    """

    name = "reste"
    reference = (
        "Wu, Zheng, Liu, Zheng: Estimator Meets Equilibrium Perspective: A Rectified Straight "
        "Through Estimator for Binary Neural Networks Training, ICCV 2023, arXiv 2308.06689"
    )
    maps_unchanged = True
    capturable = True
    scheduled = True
    reason = "only the gradient of the activations differs from the direct sign"
    decides = frozenset({"activations"})

    order_end: float = Field(3.0, ge=1, description="o at the last step; it starts at 1.")
    cut: float = Field(1.5, gt=0, description="t: no gradient beyond.")
    floor: float = Field(0.1, gt=0, description="m: nearer to zero the slope is f(m) / m.")

    def order(self, moment: Tensor) -> Tensor:
        """Return o when the share `moment` of all steps is done; a quarter of a cosine."""
        return 1 + (self.order_end - 1) * (1 - torch.cos(moment * (math.pi / 2)))

    def activation(self, x: Tensor, phase: Phase) -> Tensor:
        order = self.order(phase.moment)
        distance = x.detach().abs()
        slope = distance.clamp(min=self.floor) ** (1 / order - 1)
        # Inside the floor the secant f(m) / m; outside the derivative, which is 1 / o of that.
        slope = slope * ((distance >= self.floor).to(x.dtype) * (1 / order - 1) + 1)
        return sign_with_slope(x, slope * (distance <= self.cut))
