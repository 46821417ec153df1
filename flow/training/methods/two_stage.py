"""Two-stage binarisation: activations first, weights later."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from flow.training.estimators import sign
from flow.training.methods.base import Method, Phase


class TwoStage(Method):
    """Real weights for the first part of the steps, their signs for the rest.

    Every evaluation takes the signs, so no epoch of the first stage can be chosen as the best for
    what it is not.
    """

    name = "two-stage"
    reference = "Bulat, Martinez, Tzimiropoulos: BATS / Real-to-binary, ICLR 2020, section 4.2"
    maps_unchanged = True
    reason = "the second stage ends with signs everywhere"
    decides = frozenset({"weights"})

    first_stage: float = Field(0.4, gt=0, lt=1, description="Share of the steps with real weights.")

    def weight(self, latent: Tensor, phase: Phase) -> Tensor:
        return latent if phase.place < self.first_stage else sign(latent)
