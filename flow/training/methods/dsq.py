"""DSQ: the gradient of a tanh that grows into the sign."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from flow.training.estimators import sign_with_slope
from flow.training.methods.base import Method, Phase

_INTERVAL = 2.0


class DSQ(Method):
    """phi(x) = tanh(k x) / (1 - alpha), k = ln(2 / alpha - 1) / D, with one interval D = 2.

    So phi(-1) = -1 and phi(1) = 1. alpha = 1 - tanh(k) falls along the training on a geometric
    line; in the paper it is learned, as are the ends of the interval, which stay at -1 and 1 here.
    """

    name = "dsq"
    reference = (
        "Gong, Liu, Jiang, Li, Hu, Lin, Yu, Yan: Differentiable Soft Quantization: Bridging "
        "Full-Precision and Low-Bit Neural Networks, ICCV 2019, arXiv 1908.05033"
    )
    maps_unchanged = True
    capturable = True
    scheduled = True
    reason = "the soft function is only a gradient; inference uses signs"
    decides = frozenset({"weights", "activations"})

    alpha_start: float = Field(0.4, gt=0, lt=1, description="Softness at the first step.")
    alpha_end: float = Field(0.02, gt=0, lt=1, description="Softness at the last step.")

    def _soft_sign(self, x: Tensor, phase: Phase) -> Tensor:
        alpha = self.alpha_start * (self.alpha_end / self.alpha_start) ** phase.moment
        k = torch.log(2 / alpha - 1) / _INTERVAL
        slope = k / (1 - alpha) * (1 - torch.tanh(k * x.detach()) ** 2)
        return sign_with_slope(x, slope)

    def weight(self, latent: Tensor, phase: Phase) -> Tensor:
        return self._soft_sign(latent, phase)

    def activation(self, x: Tensor, phase: Phase) -> Tensor:
        return self._soft_sign(x, phase)
