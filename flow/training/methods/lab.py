"""LAB: loss-aware binarisation; the scale weighs weights by the curvature Adam has seen."""

from __future__ import annotations

import torch

from flow.training.estimators import mean_magnitude
from flow.training.layers import binary_layers
from flow.training.methods.base import Method, Runtime, Setting

_EPSILON = 1e-8


class _CurvatureScales(Runtime):
    """alpha = |d * w|_1 / |d|_1 of a layer, d = sqrt of Adam's second moment."""

    def __init__(self, setting: Setting) -> None:
        self.optimizer = setting.optimizer
        self.layers = [layer for layer in binary_layers(setting.model) if layer.scaled]
        for layer in self.layers:
            layer.set_scale(mean_magnitude(layer.weight))

    @torch.no_grad()
    def after_step(self) -> None:
        for layer in self.layers:
            moment = self.optimizer.state.get(layer.weight, {}).get("exp_avg_sq")
            if moment is None:
                continue
            curvature = moment.sqrt() + _EPSILON
            alpha = (curvature * layer.weight.abs()).sum() / curvature.sum()
            layer.set_scale(alpha.expand(layer.weight.shape[0]))


class LAB(Method):
    """Proximal Newton step with a diagonal Hessian estimate; one scale for each layer."""

    name = "lab"
    reference = (
        "Hou, Yao, Kwok: Loss-aware Binarization of Deep Networks, ICLR 2017, arXiv 1611.01600"
    )
    maps_unchanged = True
    reason = "one positive scale per layer folds into the thresholds behind it"
    decides = frozenset({"weights", "optimizer"})
    scaled = True

    def optimizer(self, model: torch.nn.Module, recipe: object) -> torch.optim.Adam:
        del recipe
        return torch.optim.Adam(model.parameters())

    def start(self, setting: Setting) -> Runtime:
        return _CurvatureScales(setting)
