"""Structured pruning: remove whole channels until the network fits a board."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from flow.board import ResourceCounts
from flow.errors import UserError
from flow.models.registry import ModelSpec
from flow.training.channels import State, layer_names, take_channels
from flow.training.checkpoint import BEST, LAST, Checkpoint, load_checkpoint, save_checkpoint
from flow.training.layers import CHANNEL_STEP
from flow.training.recipe import Recipe
from flow.training.twin import TwinKit

BRAM36_BITS = 36 * 1024
URAM_BITS = 288 * 1024
_MEMORY_SHARE = 0.75
"""Share of the block memory for weights; FIFOs, line buffers and the shell need the rest."""
_RATIO_STEPS = 64


def weight_bits(spec: ModelSpec) -> int:
    """Return the bits of all weights of a network."""
    with torch.device("meta"):
        layers = list(spec.layers(TwinKit()))
    products = [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)]
    counts = [layer.weight.numel() for layer in products]
    first, last = spec.end_bits
    return sum(counts) + (first - 1) * counts[0] + (last - 1) * counts[-1]


def memory_bits(budget: ResourceCounts) -> int:
    """Return the bits of weights for which a board has on-chip memory."""
    whole = budget.bram36 * BRAM36_BITS + budget.uram * URAM_BITS
    return int(whole * _MEMORY_SHARE)


def fits_weight_memory(budget: ResourceCounts) -> Callable[[ModelSpec], bool]:
    """Return the test whether a network's weights fit into a board's on-chip memory."""
    room = memory_bits(budget)
    return lambda spec: weight_bits(spec) <= room


@dataclass(frozen=True)
class Pruned:
    """A smaller network with the weights it starts from."""

    spec: ModelSpec
    state: State
    ratio: float
    """Share of the channels that stay, before rounding to multiples of CHANNEL_STEP."""


def channel_scores(spec: ModelSpec, state: State) -> list[Tensor]:
    """Return how much each output channel of each layer but the last matters, float32 (C,).

    A filter counts as much as its latent weights have decided on their signs (mean magnitude) and
    as the next layer relies on it: the mean magnitude of the weights that read it.
    """
    names = [name for name, _ in layer_names(spec)]
    weights = [state[f"{name}.weight"].float() for name in names]
    scores = []
    for own, behind in itertools.pairwise(weights):
        channels = own.shape[0]
        reading = behind.abs().transpose(0, 1).reshape(channels, -1).mean(1)
        scores.append(own.abs().flatten(1).mean(1) * reading)
    return scores


def prune_to_fit(spec: ModelSpec, state: State, fits: Callable[[ModelSpec], bool]) -> Pruned:
    """Return the widest network, thinned by one ratio in all layers, for which `fits` holds.

    The best channels of each layer stay, a multiple of CHANNEL_STEP of them. A network that fits
    already comes back as it is. The ratio is found by halving: what is narrower than a network that
    fits is taken to fit too. UserError where even one step of channels in each layer is too much.
    """
    if fits(spec):
        return Pruned(spec, state, 1.0)
    scores = channel_scores(spec, state)

    def counts(step: int) -> tuple[int, ...]:
        return tuple(_kept(len(score), step / _RATIO_STEPS) for score in scores)

    def fits_at(step: int) -> bool:
        return fits(spec.model_copy(update={"channels": counts(step)}))

    if not fits_at(1):
        raise UserError(
            f"train: {spec.name} does not fit even with {CHANNEL_STEP} channels in every layer; "
            "name a larger board"
        )
    best, too_wide = 1, _RATIO_STEPS
    while too_wide - best > 1:
        middle = (best + too_wide) // 2
        best, too_wide = (middle, too_wide) if fits_at(middle) else (best, middle)
    keep = [
        torch.topk(score, count).indices.sort().values
        for score, count in zip(scores, counts(best), strict=True)
    ]
    new_spec, new_state = take_channels(spec, state, list(keep))
    return Pruned(new_spec, new_state, best / _RATIO_STEPS)


def _kept(channels: int, ratio: float) -> int:
    return min(channels, max(1, round(channels * ratio / CHANNEL_STEP)) * CHANNEL_STEP)


def require_prunable(recipe: Recipe) -> None:
    """Raise UserError for a network that is not 1 bit throughout, or masks its channels itself."""
    if not recipe.model.is_binary or "main-subsidiary" in recipe.methods:
        raise UserError(
            f"train: this {recipe.model.name} has real activations, 8-bit weights or masks of its "
            "own; --prune-to-fit works on 1-bit networks"
        )


def start_pruned_run(
    run_dir: Path,
    pruned_dir: Path,
    budget: ResourceCounts,
    fine_tune_epochs: int,
    fits: Callable[[ModelSpec], bool] | None = None,
) -> tuple[Recipe, str]:
    """Prune the best epoch of `run_dir` into `pruned_dir`; return its recipe and what was done.

    `pruned_dir` gets a checkpoint of epoch 0, from which `train` fine-tunes with the same settings
    for `fine_tune_epochs`. One that has been started already is left alone. `fits` judges; without
    it the memory for weights alone does.
    """
    best = load_checkpoint(run_dir / BEST)
    recipe = best.recipe
    require_prunable(recipe)
    pruned = prune_to_fit(recipe.model, best.weights, fits or fits_weight_memory(budget))
    new = recipe.model_copy(update={"model": pruned.spec, "epochs": fine_tune_epochs})
    if not (pruned_dir / LAST).exists():
        pruned_dir.mkdir(parents=True, exist_ok=True)
        save_checkpoint(pruned_dir / LAST, Checkpoint(new, weights=pruned.state))
    before, after = weight_bits(recipe.model), weight_bits(pruned.spec)
    text = (
        f"{before:,} weight bits became {after:,} (room: {memory_bits(budget):,}), channels "
        f"{', '.join(map(str, pruned.spec.channels or ()))}"
        if pruned.ratio < 1
        else f"{before:,} weight bits fit already (room: {memory_bits(budget):,})"
    )
    return new, text
