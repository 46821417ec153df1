"""Auxiliary heads: linear classifiers bring a gradient of their own to inner layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor, nn

from flow.errors import UserError
from flow.training.methods.base import Method, Runtime, Setting

_SEED_OFFSET = 2_000_003
_LAYERS_BEHIND = (9, 6, 4, 2, 1)
"""Where heads stand unless told otherwise: so many layers in front of the last one."""


class _Heads(Runtime):
    """The classifiers; the optimiser of the network trains them as a group of its own."""

    def __init__(self, method: AuxiliaryHeads, setting: Setting) -> None:
        self._weight, self._processes = method.weight_of_each, setting.processes
        maps = _hidden_maps(setting.model)
        positions = method.behind or default_positions(len(maps))
        _require_positions(positions, len(maps), setting)
        generator = torch.Generator().manual_seed(setting.recipe.seed + _SEED_OFFSET)
        self._heads = nn.ModuleDict()
        self._means: dict[str, Tensor] = {}
        for position in positions:
            activation, channels = maps[position - 1]
            head = _classifier(channels, setting.recipe.model.classes, generator)
            self._heads[str(position)] = head
            activation.register_forward_hook(_keeps_mean(self._means, str(position)))
        self._heads.to(setting.device)
        setting.optimizer.add_param_group({"params": list(self._heads.parameters())})

    def loss(self, pixels: Tensor, labels: Tensor, scores: Tensor, own: Tensor) -> Tensor:
        del pixels, scores
        for position, head in self._heads.items():
            own = own + self._weight * F.cross_entropy(head(self._means.pop(position)), labels)
        return own

    def after_backward(self) -> None:
        """Average the heads' gradients over the processes; PyTorch's DDP knows the network only."""
        if self._processes == 1:
            return
        for parameter in self._heads.parameters():
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= self._processes

    def state_dict(self) -> dict[str, Any]:
        return self._heads.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._heads.load_state_dict(state)


def default_positions(layers: int) -> tuple[int, ...]:
    """Return behind which of `layers` hidden layers heads stand, counted from 1; dense at the back.

    4, 7, 9, 11, 12 of B-VGG16's 13 convolutions; 2, 4, 5 of CNV's 6. Never behind the first.
    """
    return tuple(layers - back for back in _LAYERS_BEHIND if layers - back > 1)


def _hidden_maps(model: nn.Sequential) -> list[tuple[nn.Module, int]]:
    """Return the activation behind each convolution, with its channels.

    In a network without convolutions: behind each dense hidden layer.
    """
    maps: dict[type[nn.Module], list[tuple[nn.Module, int]]] = {nn.Conv2d: [], nn.Linear: []}
    layer: nn.Conv2d | nn.Linear | None = None
    for name, child in model.named_children():
        if isinstance(child, nn.Conv2d | nn.Linear):
            layer = child
        elif name.startswith("sign") and layer is not None:
            kind = nn.Conv2d if isinstance(layer, nn.Conv2d) else nn.Linear
            maps[kind].append((child, layer.weight.shape[0]))
    return maps[nn.Conv2d] or maps[nn.Linear]


def _require_positions(positions: tuple[int, ...], layers: int, setting: Setting) -> None:
    wrong = [position for position in positions if not 1 <= position <= layers]
    if wrong:
        raise UserError(
            f"train: methods.auxiliary-heads.behind: {setting.recipe.model.name} has {layers} "
            f"hidden layers that a head may stand behind, none is number "
            f"{', '.join(map(str, wrong))}; use numbers from 1 to {layers}"
        )


def _classifier(inputs: int, classes: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear classifier whose scores of random signs are small at first."""
    head = nn.Linear(inputs, classes)
    bound = inputs**-0.5
    nn.init.uniform_(head.weight, -bound, bound, generator=generator)
    nn.init.zeros_(head.bias)
    return head


def _keeps_mean(means: dict[str, Tensor], key: str) -> Callable[[nn.Module, Any, Tensor], None]:
    """Return a forward hook that leaves the channel means (N, C), float32, in `means`.

    A plain function, because averaged copies of the network (`ema`) copy its hooks with it: these
    never train, so they leave nothing.
    """

    def keep(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        del inputs
        if layer.training:
            axes = list(range(2, output.dim()))
            means[key] = output.mean(axes, dtype=torch.float32) if axes else output.float()

    return keep


class AuxiliaryHeads(Method):
    """Adds weight x cross entropy of each head; combine with any other method.

    A head sees the channel means of the binary map behind a hidden layer, in front of the pool. In
    the paper they are small networks of their own, on two layers, with the same weight. They are
    dropped at the end: neither the best checkpoint's network nor an exported file knows of them.
    """

    name = "auxiliary-heads"
    reference = (
        "Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich: Going Deeper "
        "with Convolutions, CVPR 2015, arXiv 1409.4842, auxiliary classifiers; Lee, Xie, "
        "Gallagher, Zhang, Tu: Deeply-Supervised Nets, AISTATS 2015, arXiv 1409.5185"
    )
    maps_unchanged = True
    capturable = True
    reason = "the heads take part in training only"

    behind: tuple[int, ...] | None = Field(
        None,
        min_length=1,
        description="Numbers of the convolutions that have a head, counted from 1 (of the dense "
        "hidden layers where there are no convolutions).",
    )
    weight_of_each: float = Field(0.3, gt=0, description="Factor on the loss of each head.")

    @field_validator("behind")
    @classmethod
    def _each_once(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and len(set(value)) != len(value):
            raise ValueError(f"{list(value)} names a layer twice; name each once")
        return value

    def start(self, setting: Setting) -> Runtime:
        return _Heads(self, setting)
