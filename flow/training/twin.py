"""A plain PyTorch twin of the Brevitas networks: same predictions, faster training."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from flow.models.floating import PixelInput
from flow.models.kit import BATCH_NORM_EPSILON, WeightBits
from flow.training.layers import (
    BinaryConv2d,
    BinaryLayer,
    BinaryLinear,
    ByteConv2d,
    ByteLinear,
    Sign,
    product_layers,
)
from flow.training.methods import Methods
from flow.training.methods.base import Phase


class TwinKit:
    """Layers of the training twin, by the rules of `methods` (default: direct sign)."""

    def __init__(self, methods: Methods | None = None, *, real_activations: bool = False) -> None:
        self.methods = methods or Methods()
        self.phase = Phase()
        self._real_activations = real_activations

    def input(self) -> nn.Module:
        return PixelInput()

    def sign(self) -> nn.Module:
        if self._real_activations:
            return nn.ReLU()
        return Sign(self.methods.activations, self.phase)

    def conv(self, inputs: int, outputs: int, padding: int, bits: WeightBits = 1) -> nn.Module:
        if bits == 8:
            return ByteConv2d(inputs, outputs, 3, padding=padding, bias=False)
        layer = BinaryConv2d(inputs, outputs, 3, padding=padding, bias=False)
        layer.set_up(self.methods.weights, self.phase)
        return layer

    def linear(self, inputs: int, outputs: int, bits: WeightBits = 1) -> nn.Module:
        if bits == 8:
            return ByteLinear(inputs, outputs, bias=False)
        layer = BinaryLinear(inputs, outputs, bias=False)
        layer.set_up(self.methods.weights, self.phase)
        return layer

    def batch_norm_2d(self, channels: int) -> nn.Module:
        special = self.methods.deciding("batch_norm")
        if special is not None:
            return special.batch_norm(channels, 2)
        return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON)

    def batch_norm_1d(self, features: int) -> nn.Module:
        special = self.methods.deciding("batch_norm")
        if special is not None:
            return special.batch_norm(features, 1)
        return nn.BatchNorm1d(features, eps=BATCH_NORM_EPSILON)


def add_scales_and_masks(model: nn.Sequential, methods: Methods) -> None:
    """Give the layers the buffers and parameters that `methods` work with.

    The last layer has no scale: its scores must stay integers. A mask sits on a layer's input
    channels where these are the filters of the layer in front (not behind a flattened map).
    """
    products = product_layers(model)
    if isinstance(products[0], BinaryLayer):
        products[0].is_first = True
    if methods.weights.scaled:
        for layer in products[:-1]:
            if isinstance(layer, BinaryLayer):
                layer.add_scale()
    masks = methods.deciding("masks")
    if masks is not None:
        start = float(masks.model_dump()["initial"])
        for front, layer in itertools.pairwise(products):
            filters = front.weight.shape[0]
            if isinstance(layer, BinaryLayer) and layer.weight.shape[1] == filters:
                layer.mask = nn.Parameter(torch.full((filters,), start))
