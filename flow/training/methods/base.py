"""What a training method may decide; each method is one small file beside this one.

A method is a frozen set of parameters (fields of a pydantic model, written in the recipe as
`[methods.NAME]`). Several can be combined as long as no two decide the same aspect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from flow.training.estimators import sign

if TYPE_CHECKING:
    from flow.training.batches import Samples
    from flow.training.recipe import Recipe

Aspect = Literal["weights", "activations", "batch_norm", "optimizer", "loss", "masks", "average"]


@dataclass
class Phase:
    """Where the training stands; one object, shared by all layers, set before every step."""

    place: float = 0.0
    """Share of all steps that are done, 0 to 1."""
    generator: torch.Generator = field(default_factory=torch.Generator)
    """Random numbers of this epoch, on the device of the weights."""
    moment: Tensor = field(init=False)
    """`place` as a float32 number on the device: kernels that read it need not be compiled again,
    and nobody waits for the device."""

    def __post_init__(self) -> None:
        self.moment = torch.tensor(self.place)

    def move_to(self, place: float) -> None:
        """Set where the training stands."""
        self.place = place
        self.moment.fill_(place)


class Method(BaseModel):
    """Base of all methods: the defaults are those of the direct sign."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    reference: ClassVar[str]
    maps_unchanged: ClassVar[bool]
    """Whether the network it leaves behind maps on the accelerator as it is."""
    reason: ClassVar[str]
    """Why it maps, or why not."""
    decides: ClassVar[frozenset[Aspect]] = frozenset()
    capturable: ClassVar[bool] = False
    """Whether all that changes from step to step is read from tensors on the device, so that a step
    can be recorded as a CUDA graph. `Runtime.after_step` is not part of the recording."""
    scheduled: ClassVar[bool] = False
    """Whether it follows the share of the steps that are done, and so the number of epochs."""
    scaled: ClassVar[bool] = False
    """Whether filters have a positive scale (all layers but the last)."""

    def weight(self, latent: Tensor, phase: Phase) -> Tensor:
        """Return the weights of a training step; float32, shape of `latent`."""
        del phase
        return sign(latent)

    def binary(self, latent: Tensor) -> Tensor:
        """Return the weights of the finished network, -1 and +1."""
        return sign(latent)

    def activation(self, x: Tensor, phase: Phase) -> Tensor:
        """Return the signs of `x` with this method's gradient."""
        del phase
        return sign(x)

    def batch_norm(self, channels: int, dimensions: Literal[1, 2]) -> nn.Module:
        """Return a BatchNorm for (N, C) or (N, C, H, W)."""
        raise NotImplementedError

    def optimizer(self, model: nn.Module, recipe: Recipe) -> Any:
        """Return what steps the parameters (an Optimizer, or one with its interface)."""
        raise NotImplementedError

    def start(self, setting: Setting) -> Runtime | None:
        """Return the part that lives as long as the training, if there is one."""
        del setting
        return None


@dataclass(frozen=True)
class Setting:
    """What a method's runtime may look at."""

    recipe: Recipe
    model: nn.Sequential
    optimizer: Any
    device: torch.device
    load_teacher: Callable[[Path], nn.Sequential]
    """Return the trained network of a checkpoint."""
    processes: int = 1


class Runtime:
    """The living part of a method; its state is saved with every checkpoint."""

    def loss(self, pixels: Tensor, labels: Tensor, scores: Tensor, own: Tensor) -> Tensor:
        """Return the loss to minimise; `own` is the cross entropy of `scores` (N, classes)."""
        del pixels, labels, scores
        return own

    def after_backward(self) -> None:
        """Look at or change the gradients."""

    def after_step(self) -> None:
        """Look at or change the parameters."""

    def evaluated(self, train_set: Samples) -> nn.Sequential | None:
        """Return the network to evaluate and publish, where it is not the trained one itself."""
        del train_set
        return None

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` returned."""
        del state
