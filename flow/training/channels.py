"""Take channels out of a network physically: every tensor that knows them gets smaller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from flow.models.registry import ModelSpec
from flow.training.layers import kept_channels
from flow.training.twin import TwinKit

State = dict[str, Tensor]


def layer_names(spec: ModelSpec) -> list[tuple[str, str | None]]:
    """Return, for each convolution or dense layer in order, its name and its BatchNorm's."""
    with torch.device("meta"):
        children = list(spec.layers(TwinKit()).named_children())
    names: list[tuple[str, str | None]] = []
    for name, layer in children:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            names.append((name, None))
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            names[-1] = (names[-1][0], name)
    return names


def take_channels(
    spec: ModelSpec, state: Mapping[str, Tensor], keep: Sequence[Tensor | None]
) -> tuple[ModelSpec, State]:
    """Return the network that has only the output channels `keep` (indices) of each layer.

    `keep` has an entry for each layer but the last; None keeps all. Where a flattened map of S x S
    stands between two layers, its S * S features go with their channel. What was computed from a
    removed channel is gone, so this changes the function unless the channel gave zeros.
    """
    names = layer_names(spec)
    small: State = {name: tensor.clone() for name, tensor in state.items()}
    channels = []
    for index, (name, norm) in enumerate(names[:-1]):
        weight = small[f"{name}.weight"]
        chosen = keep[index]
        if chosen is None:
            channels.append(weight.shape[0])
            continue
        channels.append(len(chosen))
        total = weight.shape[0]
        behind = f"{names[index + 1][0]}."
        for own in (f"{name}.weight", f"{name}.scale"):
            if own in small:
                small[own] = small[own][chosen]
        for key in ("weight", "bias", "running_mean", "running_var"):
            if norm is not None and f"{norm}.{key}" in small:
                small[f"{norm}.{key}"] = small[f"{norm}.{key}"][chosen]
        following = small[f"{behind}weight"]
        area = following.shape[1] // total
        features = (chosen[:, None] * area + torch.arange(area)).reshape(-1)
        small[f"{behind}weight"] = following[:, features]
        if f"{behind}mask" in small:
            small[f"{behind}mask"] = small[f"{behind}mask"][chosen]
    return spec.model_copy(update={"channels": tuple(channels)}), small


def without_masked(spec: ModelSpec, state: Mapping[str, Tensor]) -> tuple[ModelSpec, State]:
    """Return the same function without masks: the channels they silence are taken out."""
    names = [name for name, _ in layer_names(spec)]
    masks = [state.get(f"{name}.mask") for name in names[1:]]
    if all(mask is None for mask in masks):
        return spec, dict(state)
    keep = [None if mask is None else kept_channels(mask).nonzero()[:, 0] for mask in masks]
    spec, small = take_channels(spec, state, keep)
    return spec, {name: tensor for name, tensor in small.items() if not name.endswith(".mask")}
