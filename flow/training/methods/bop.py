"""Bop: no latent weights; a weight flips when its averaged gradient insists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from flow.training.estimators import straight_through
from flow.training.layers import binary_layers
from flow.training.methods.base import Method, Phase

if TYPE_CHECKING:
    from flow.training.recipe import Recipe


class BopAndAdam:
    """Bop for 1-bit weights, Adam for everything else, with an Optimizer's interface."""

    def __init__(
        self, weights: list[Tensor], others: Iterable[nn.Parameter], bop: Bop, rate: float
    ) -> None:
        self.adam = torch.optim.Adam(others, lr=rate)
        self._weights, self._bop, self._peak = weights, bop, rate
        self._average = [torch.zeros_like(weight) for weight in weights]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups whose learning rate the schedule sets; gamma follows it in proportion."""
        return self.adam.param_groups

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Give Adam more to step."""
        self.adam.add_param_group(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        self.adam.zero_grad(set_to_none=set_to_none)
        for weight in self._weights:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update the averages, flip, and let Adam step."""
        self.adam.step()
        gamma = self._bop.gamma * self.param_groups[0]["lr"] / self._peak
        for weight, average in zip(self._weights, self._average, strict=True):
            if weight.grad is None:
                continue
            average.lerp_(weight.grad, gamma)
            flips = (average.abs() > self._bop.threshold) & (average.sign() == weight.sign())
            weight.copy_(torch.where(flips, -weight, weight))

    def state_dict(self) -> dict[str, Any]:
        """Return Adam's state and the averages."""
        return {"adam": self.adam.state_dict(), "average": self._average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` returned."""
        self.adam.load_state_dict(state["adam"])
        for own, saved in zip(self._average, state["average"], strict=True):
            own.copy_(saved)


class Bop(Method):
    """Flip where |average| > threshold and average and weight have the same sign.

    Defaults are the paper's for CIFAR-10; there gamma falls tenfold every 100 epochs, here it
    follows the recipe's schedule.
    """

    name = "bop"
    reference = (
        "Helwegen, Widdicombe, Geiger, Liu, Cheng, Nusselder: Latent Weights Do Not Exist: "
        "Rethinking Binarized Neural Network Optimization, NeurIPS 2019, arXiv 1906.02107"
    )
    maps_unchanged = True
    reason = "there are no other weights than signs"
    decides = frozenset({"weights", "optimizer"})

    threshold: float = Field(1e-8, ge=0, description="tau: averages below it flip nothing.")
    gamma: float = Field(
        1e-4, gt=0, le=1, description="Rate of the average at the schedule's peak."
    )

    def weight(self, latent: Tensor, phase: Phase) -> Tensor:
        del phase
        return straight_through(torch.where(latent >= 0, 1.0, -1.0), latent)

    def optimizer(self, model: nn.Module, recipe: Recipe) -> BopAndAdam:
        weights = [layer.weight for layer in binary_layers(model)]
        with torch.no_grad():
            for weight in weights:
                weight.copy_(torch.where(weight >= 0, 1.0, -1.0))
        chosen = {id(weight) for weight in weights}
        others = [p for p in model.parameters() if id(p) not in chosen]
        return BopAndAdam(weights, others, self, recipe.peak_learning_rate)
