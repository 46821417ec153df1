"""Folding: how many output channels (PE) and input elements (SIMD) a layer computes at a time."""

from flow.hw.folding.choose import Folding, Target, choose_folding
from flow.hw.folding.layers import LayerShape, apply_folding, layer_shapes
from flow.hw.folding.options import LayerFolding, divisors

__all__ = [
    "Folding",
    "LayerFolding",
    "LayerShape",
    "Target",
    "apply_folding",
    "choose_folding",
    "divisors",
    "layer_shapes",
]
