"""Direct sign with a straight-through gradient: the paper's own method, and the default."""

from __future__ import annotations

from flow.training.methods.base import Method


class SignSTE(Method):
    """Signs of latent weights and of activations; the gradient passes where |x| <= 1."""

    name = "sign"
    reference = (
        "Hubara, Courbariaux, Soudry, El-Yaniv, Bengio: Binarized Neural Networks, NeurIPS 2016, "
        "arXiv 1602.02830"
    )
    maps_unchanged = True
    capturable = True
    reason = "weights and activations are signs"
    decides = frozenset({"weights", "activations"})
