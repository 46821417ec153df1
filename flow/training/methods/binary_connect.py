"""BinaryConnect: weights binarised at each step by their sign, or by a draw."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from flow.training.estimators import straight_through
from flow.training.methods.base import Method, Phase


class BinaryConnect(Method):
    """P(w = +1) = clip((w + 1) / 2, 0, 1) in the stochastic form; inference takes the sign.

    As published its activations are real (`model.activations = "relu"`); with the default sign
    activations only the weights' rule is BinaryConnect's. The authors' code clips to, and
    multiplies with, a Glorot bound H of each layer, which BatchNorm takes out again; here H = 1.
    Their stochastic form is evaluated with the real weights; here with the signs, which map. It
    wants `latent_bound = 1.0`, as theirs begins: weights near 0 are drawn by the toss of a coin.
    """

    name = "binary-connect"
    reference = (
        "Courbariaux, Bengio, David: BinaryConnect: Training Deep Neural Networks with binary "
        "weights during propagations, NeurIPS 2015, arXiv 1511.00363"
    )
    maps_unchanged = True
    reason = "inference uses the signs of the weights; with sign activations the network is binary"
    decides = frozenset({"weights"})

    draw: Literal["deterministic", "stochastic"] = Field(
        "deterministic", description="How a step's weights come from the latent ones."
    )

    def weight(self, latent: Tensor, phase: Phase) -> Tensor:
        if self.draw == "deterministic":
            binary = torch.where(latent >= 0, 1.0, -1.0)
        else:
            drawn = torch.empty_like(latent).uniform_(-1, 1, generator=phase.generator)
            binary = torch.where(latent >= drawn, 1.0, -1.0)
        return straight_through(binary, latent)
