"""Folding: output channels (PE), input elements (SIMD) and pixels a layer computes at a time."""

from flow.hardware.folding.choose import choose_folding
from flow.hardware.folding.data import Folding, LayerFolding
from flow.hardware.folding.options import Option, Wish, divisors
from flow.hardware.folding.target import Choice, Target

__all__ = [
    "Choice",
    "Folding",
    "LayerFolding",
    "Option",
    "Target",
    "Wish",
    "choose_folding",
    "divisors",
]
