"""BWN and XNOR-Net: each filter's signs times the mean magnitude of its latent weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flow.training.estimators import mean_magnitude
from flow.training.layers import BinaryLayer, binary_layers
from flow.training.methods.base import Method, Runtime, Setting

_REFERENCE = (
    "Rastegari, Ordonez, Redmon, Farhadi: XNOR-Net: ImageNet Classification Using Binary "
    "Convolutional Neural Networks, ECCV 2016, arXiv 1603.05279"
)


class _MeanScales(Runtime):
    """Keeps each scaled layer's scale at mean |latent| of its filters."""

    def __init__(self, model: nn.Sequential) -> None:
        self.layers: list[BinaryLayer] = [layer for layer in binary_layers(model) if layer.scaled]
        self.after_step()

    @torch.no_grad()
    def after_step(self) -> None:
        for layer in self.layers:
            layer.set_scale(mean_magnitude(layer.weight))


class _XnorScales(_MeanScales):
    """Adds XNOR-Net's gradient of the scale and its centring of the latent weights."""

    @torch.no_grad()
    def after_backward(self) -> None:
        for layer in self.layers:
            weight, gradient = layer.weight, layer.weight.grad
            if gradient is None:
                continue
            # d(alpha * sign(w)) / dw with alpha = |w|_1 / n. The gradient that arrived is alpha
            # times that of the scaled weights; the second term is the one through alpha.
            signs = torch.where(weight >= 0, 1.0, -1.0)
            alpha = layer.scale_like_weight()
            through_scale = (gradient / alpha * signs).flatten(1).mean(1)
            gradient.add_(signs * through_scale.reshape(-1, *[1] * (weight.dim() - 1)))

    @torch.no_grad()
    def after_step(self) -> None:
        for layer in self.layers:
            # Each place of the kernel by itself, over the input channels, as the authors' code.
            middle = layer.weight.mean(dim=1, keepdim=True)
            layer.weight.copy_((layer.weight - middle).clamp_(-1, 1))
        super().after_step()


class BWN(Method):
    """Weights alpha * sign(w), alpha = mean |w| of the filter; published with real activations."""

    name = "bwn"
    reference = f"{_REFERENCE}, Binary-Weight-Networks"
    maps_unchanged = True
    reason = "a positive scale per output channel folds into the threshold behind it"
    decides = frozenset({"weights"})
    scaled = True

    def start(self, setting: Setting) -> Runtime:
        return _MeanScales(setting.model)


class XnorNet(Method):
    """BWN's scale with the gradient through it, latent weights centred, sign activations.

    The gradient through the scale is the exact derivative; the authors' formula takes each weight's
    own gradient instead of the filter's mean.
    """

    name = "xnor-net"
    reference = f"{_REFERENCE}, XNOR-Networks"
    maps_unchanged = True
    reason = (
        "the weight scale folds into the threshold; the scaling map K of the inputs, which cannot "
        "be mapped, is left out"
    )
    decides = frozenset({"weights"})
    scaled = True

    def binary(self, latent: Tensor) -> Tensor:
        return torch.where(latent >= 0, 1.0, -1.0)

    def start(self, setting: Setting) -> Runtime:
        return _XnorScales(setting.model)
