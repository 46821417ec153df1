"""Two-stage binarisation: activations first, weights later."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from flow.training.estimators import sign
from flow.training.methods.base import Method, Phase


class TwoStage(Method):
    """Real weights for the first part of the steps, their signs for the rest.

    Every evaluation takes the signs, so no epoch of the first stage can be chosen as the best for
    what it is not. Both stages share one learning-rate schedule; the paper begins a new one, at a
    fifth of the rate, with the second.
    """

    name = "two-stage"
    reference = (
        "Martinez, Yang, Bulat, Tzimiropoulos: Training Binary Neural Networks with Real-to-Binary "
        "Convolutions, ICLR 2020, arXiv 2003.11535"
    )
    maps_unchanged = True
    capturable = True
    scheduled = True
    reason = "the second stage ends with signs everywhere"
    decides = frozenset({"weights"})

    first_stage: float = Field(0.4, gt=0, lt=1, description="Share of the steps with real weights.")

    def weight(self, latent: Tensor, phase: Phase) -> Tensor:
        return torch.where(phase.moment < self.first_stage, latent, sign(latent))
