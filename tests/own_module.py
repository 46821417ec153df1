"""A user's own Brevitas module: a Python file with build_model(), its weights beside it."""

from __future__ import annotations

from pathlib import Path

import torch

_HEAD = """
from pathlib import Path
import brevitas.nn as qnn
import torch
from torch import nn
from flow.models.quantizers import BinaryActivation, BinaryWeight, InputQuantizer

INPUT_SHAPE = (1, 3, {side}, {side})

def build_model():
    model = nn.Sequential(
        InputQuantizer(),
"""
_CONV = """
        qnn.QuantConv2d({inputs}, 8, 3, padding={padding}, bias=False, weight_quant=BinaryWeight),
        nn.BatchNorm2d(8),
        qnn.QuantIdentity(act_quant=BinaryActivation, return_quant_tensor=False),
        nn.MaxPool2d({pool}),
"""
_TAIL = """
        nn.Flatten(),
        qnn.QuantLinear(8, 10, bias=False, weight_quant=BinaryWeight),
    )
    weights = Path(__file__).with_suffix(".pt")
    if weights.exists():
        model.load_state_dict(torch.load(weights, weights_only=True))
    return model
"""


def save_own_module(path: Path, pixels: torch.Tensor, *, pools: list[int], padding: int) -> Path:
    """Write `path` (.py) and its .pt, of BatchNorms that have seen `pixels`; return `path`.

    pixels: float32 (N, 3, side, side); pools: one convolution for each, their sides; the last one
    must leave a single pixel.
    """
    convolutions = [
        _CONV.format(inputs=8 if k else 3, padding=padding, pool=pool)
        for k, pool in enumerate(pools)
    ]
    text = _HEAD.format(side=pixels.shape[-1]) + "".join(convolutions) + _TAIL
    path.write_text(text)
    see(load_own_module(path), pixels, path.with_suffix(".pt"))
    return path


def load_own_module(path: Path) -> torch.nn.Module:
    """Return what build_model() of the file gives."""
    scope: dict[str, object] = {"__file__": str(path)}
    exec(path.read_text(), scope)
    build = scope["build_model"]
    assert callable(build)
    network = build()
    assert isinstance(network, torch.nn.Module)
    return network


def see(network: torch.nn.Module, pixels: torch.Tensor, path: Path) -> Path:
    """Save the state_dict of `network`, after its BatchNorms have seen `pixels`, to `path`."""
    with torch.no_grad():
        network.train()(pixels)
    torch.save(network.state_dict(), path)
    return path
