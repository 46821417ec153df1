"""Folding: output channels (PE), input elements (SIMD) and pixels a layer computes at a time."""

from flow.hw.folding.choose import Folding, Target, choose_folding
from flow.hw.folding.layers import LayerShape, apply_folding, layer_shapes
from flow.hw.folding.options import LayerFolding, Wish, divisors

__all__ = [
    "Folding",
    "LayerFolding",
    "LayerShape",
    "Target",
    "Wish",
    "apply_folding",
    "choose_folding",
    "divisors",
    "layer_shapes",
]
