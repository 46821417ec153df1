"""Main/Subsidiary: a second set of parameters learns which filters are needed at all."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from flow.training.layers import binary_layers
from flow.training.methods.base import Method, Runtime, Setting


class _Masks(Runtime):
    """Gives every layer a mask over its input channels, where they are the last layer's filters."""

    def __init__(self, method: MainSubsidiary, model: nn.Sequential) -> None:
        self._method = method
        self._masks = [layer.mask for layer in binary_layers(model) if layer.mask is not None]

    def loss(self, pixels: Tensor, labels: Tensor, scores: Tensor, own: Tensor) -> Tensor:
        del pixels, labels, scores
        # The subsidiary's penalty: the mean of the masks; a filter has to be worth it.
        kept = torch.stack([mask.clamp(-1, 1).mean() for mask in self._masks]).mean()
        return own + self._method.penalty * kept

    @torch.no_grad()
    def after_step(self) -> None:
        for mask in self._masks:
            mask.clamp_(-1, 1)


class MainSubsidiary(Method):
    """A filter whose mask is negative gives nothing, and is removed from the finished network.

    Main weights and masks learn together; the paper alternates, layer by layer from the input. Its
    text and code could not be had when this was written: the penalty may differ from the paper's.
    """

    name = "main-subsidiary"
    reference = (
        "Xu, Dong, Li, Su: A Main/Subsidiary Network Framework for Simplifying Binary Neural "
        "Networks, CVPR 2019, arXiv 1812.04210"
    )
    maps_unchanged = True
    reason = "masked filters are taken out physically; what is left is a narrower binary network"
    decides = frozenset({"masks", "loss"})

    penalty: float = Field(0.1, ge=0, description="Price of a kept filter in the loss.")
    initial: float = Field(0.1, ge=-1, le=1, description="Value all masks start with.")

    def start(self, setting: Setting) -> Runtime:
        return _Masks(self, setting.model)
