"""From a checkpoint to networks: the twin, the finished weights, the Brevitas network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from flow.errors import UserError
from flow.models.quantizers import set_weight_scale
from flow.models.registry import ModelSpec
from flow.training.channels import State, without_masked
from flow.training.checkpoint import Checkpoint, load_checkpoint
from flow.training.estimators import sign
from flow.training.layers import BinaryLayer
from flow.training.methods import Methods
from flow.training.methods.bnn_shift import ShiftBatchNorm1d, ShiftBatchNorm2d
from flow.training.recipe import Recipe
from flow.training.twin import TwinKit, add_scales_and_masks


@dataclass(frozen=True)
class FinishedNetwork:
    """Everything that inference needs: no latent weights, no masks.

    state: the Brevitas network's parameters by name; 1-bit weights are -1 and +1 (float32).
    scales: positive scale per output channel, float32 (C,), by layer, where it is not 1.
    """

    spec: ModelSpec
    state: State
    scales: dict[str, Tensor]


def build_twin(recipe: Recipe) -> tuple[nn.Sequential, TwinKit]:
    """Return the network that is trained, and the kit that knows its phase and methods."""
    kit = TwinKit(Methods(recipe.methods), real_activations=recipe.model.activations == "relu")
    model = recipe.model.layers(kit)
    add_scales_and_masks(model, kit.methods)
    return model, kit


def load_weights(model: nn.Module, weights: dict[str, Tensor], where: str) -> None:
    """Load `weights`; UserError naming what differs where they are another architecture's."""
    own = model.state_dict()
    missing = [name for name in own if name not in weights]
    unknown = [name for name in weights if name not in own]
    shapes = [
        f"{name} is {list(weights[name].shape)}, not {list(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    faults = [
        *(f"{name} is missing" for name in missing),
        *(f"{name} is unknown" for name in unknown),
        *shapes,
    ]
    if faults:
        more = f" and {len(faults) - 2} more" if len(faults) > 2 else ""
        raise UserError(
            f"train: {where} holds another architecture ({'; '.join(faults[:2])}{more}); name the "
            "model it was trained as"
        )
    model.load_state_dict(weights)


def load_twin(checkpoint: Path) -> nn.Sequential:
    """Return the twin of a checkpoint in evaluation mode."""
    progress = load_checkpoint(checkpoint)
    model, _ = build_twin(progress.recipe)
    load_weights(model, progress.weights, str(checkpoint))
    return model.eval()


@torch.no_grad()
def finish(progress: Checkpoint) -> FinishedNetwork:
    """Return what inference needs of a checkpoint."""
    model, _ = build_twin(progress.recipe)
    load_weights(model, progress.weights, "the checkpoint")
    state: State = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name, layer in model.named_modules():
        if isinstance(layer, BinaryLayer):
            # The quantiser sees only the sign; stored as signs, files compress fifteenfold.
            state[f"{name}.weight"] = layer.binary_weight().clone()
        elif isinstance(layer, ShiftBatchNorm1d | ShiftBatchNorm2d):
            scale, variance = layer.inference_parameters()
            state[f"{name}.weight"], state[f"{name}.running_var"] = scale, variance
    spec, state = without_masked(progress.recipe.model, state)
    scales = {
        name.removesuffix(".scale"): state.pop(name)
        for name in list(state)
        if name.endswith(".scale")
    }
    return FinishedNetwork(spec, state, scales)


@torch.no_grad()
def brevitas_network(finished: FinishedNetwork) -> nn.Sequential:
    """Return the Brevitas network in evaluation mode."""
    model = finished.spec.brevitas_layers()
    load_weights(model, finished.state, "the network")
    for name, scale in finished.scales.items():
        set_weight_scale(model.get_submodule(name), scale)
    return model.eval()


def load_trained(checkpoint: Path) -> nn.Sequential:
    """Return the Brevitas network of a checkpoint in evaluation mode, its weights -1 and +1."""
    return brevitas_network(finish(load_checkpoint(checkpoint)))


@torch.no_grad()
def finished_from_state_dict(
    spec: ModelSpec, weights: dict[str, Tensor], where: str
) -> FinishedNetwork:
    """Return what inference needs of a plain state_dict of `spec`'s Brevitas network."""
    model = spec.brevitas_layers()
    load_weights(model, weights, where)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    layers = [n for n, layer in model.named_children() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for position, name in enumerate(layers):
        ends = {0: spec.first_weight_bits, len(layers) - 1: spec.last_weight_bits}
        if spec.name != "vgg16" and ends.get(position, 1) == 1:
            state[f"{name}.weight"] = sign(state[f"{name}.weight"])
    return FinishedNetwork(spec, state, {})
