"""ReCU: standardised weights, outliers clamped at a quantile that widens."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from flow.training.estimators import centred, straight_through
from flow.training.methods.base import Method, Phase


class ReCU(Method):
    """The quantile is that of a Laplace distribution fitted to the layer: -b ln(2 - 2 tau).

    tau rises as the exponential of the share of the steps that are done, as in the authors' code.
    Their weight scale is left out: the BatchNorm behind every layer learns it. So are their
    gradient of the activations, 2 - |2 x|, and the division of activations by their spread.
    """

    name = "recu"
    reference = (
        "Xu, Lin, Liu, Chen, Shao, Gao, Tian, Ji: ReCU: Reviving the Dead Weights in Binary Neural "
        "Networks, ICCV 2021, arXiv 2103.12369"
    )
    maps_unchanged = True
    capturable = True
    scheduled = True
    reason = "centring and clamping act on latent weights; what is left are their signs"
    decides = frozenset({"weights"})

    tau_start: float = Field(0.85, gt=0.5, lt=1, description="Quantile at the first step.")
    tau_end: float = Field(0.99, gt=0.5, lt=1, description="Quantile at the last step.")

    def tau(self, moment: Tensor) -> Tensor:
        """Return the quantile when the share `moment` of all steps is done."""
        risen = (torch.exp(moment) - 1) / (math.e - 1)
        return self.tau_start + (self.tau_end - self.tau_start) * risen

    def weight(self, latent: Tensor, phase: Phase) -> Tensor:
        middle = centred(latent)
        spread = middle.flatten(1).std(dim=1).clamp(min=1e-8)
        standard = middle / spread.reshape(-1, *[1] * (latent.dim() - 1))
        limit = -standard.detach().abs().mean() * torch.log(2 - 2 * self.tau(phase.moment))
        clamped = standard.clamp(-limit, limit)
        return straight_through(self.binary(latent), clamped)

    def binary(self, latent: Tensor) -> Tensor:
        return torch.where(centred(latent.detach()) >= 0, 1.0, -1.0)
