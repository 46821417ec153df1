"""EMA: the published weights are signs of averaged latent weights, BatchNorm measured anew."""

from __future__ import annotations

import copy
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from flow.training.batches import Samples, to_pixels
from flow.training.methods.base import Method, Runtime, Setting

_BATCH_IMAGES = 200


class _Average(Runtime):
    def __init__(self, method: EMA, setting: Setting) -> None:
        self._method, self._model, self._steps = method, setting.model, 0
        self._average = copy.deepcopy(setting.model)
        self._pairs = _matched(self._average.state_dict(), setting.model.state_dict())

    @torch.no_grad()
    def after_step(self) -> None:
        self._steps += 1
        # Early on the average is short, so that it does not remember the initial weights.
        decay = min(self._method.decay, self._steps / (self._steps + 10))
        real, counts = self._pairs
        torch._foreach_lerp_(real[0], real[1], 1 - decay)
        torch._foreach_copy_(counts[0], counts[1])

    def evaluated(self, train_set: Samples) -> nn.Sequential:
        model = copy.deepcopy(self._average)
        reestimate_batch_norm(model, train_set, self._method.batch_norm_images)
        return model

    def state_dict(self) -> dict[str, Any]:
        return {"average": self._average.state_dict(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._average.load_state_dict(state["average"])
        self._steps = state["steps"]


def _matched(
    average: dict[str, Tensor], own: dict[str, Tensor]
) -> tuple[tuple[list[Tensor], list[Tensor]], tuple[list[Tensor], list[Tensor]]]:
    """Return the tensors of both, first those that are averaged, then those that are counters."""
    real = [name for name, tensor in own.items() if tensor.is_floating_point()]
    counts = [name for name in own if name not in real]

    def of(names: list[str]) -> tuple[list[Tensor], list[Tensor]]:
        return [average[name] for name in names], [own[name] for name in names]

    return of(real), of(counts)


@torch.no_grad()
def reestimate_batch_norm(model: nn.Sequential, train_set: Samples, images: int) -> None:
    """Replace every BatchNorm's mean and variance by those of the binary network.

    They are averaged over the first `images` training images, unaugmented, with the weights that
    inference uses.
    """
    kinds = nn.BatchNorm1d | nn.BatchNorm2d | nn.SyncBatchNorm
    layers = [layer for layer in model.modules() if isinstance(layer, kinds)]
    model.eval()
    # Statistics are collected by hooks while everything runs in evaluation mode, front to back,
    # because each layer's input depends on the BatchNorm in front of it.
    for layer in layers:
        sums: list[tuple[torch.Tensor, torch.Tensor]] = []

        def collect(_: nn.Module, inputs: Any, sums: list[Any] = sums) -> None:
            axes = [axis for axis in range(inputs[0].dim()) if axis != 1]
            sums.append((inputs[0].mean(axes), inputs[0].pow(2).mean(axes)))

        handle = layer.register_forward_pre_hook(collect)
        for start in range(0, min(images, len(train_set)), _BATCH_IMAGES):
            stop = min(start + _BATCH_IMAGES, images)
            model(to_pixels(train_set.images[start:stop]))
        handle.remove()
        mean = torch.stack([pair[0] for pair in sums]).mean(0)
        square = torch.stack([pair[1] for pair in sums]).mean(0)
        layer.running_mean.copy_(mean)  # type: ignore[union-attr]
        layer.running_var.copy_((square - mean**2).clamp(min=1e-6))  # type: ignore[union-attr]


class EMA(Method):
    """Averages latent weights and BatchNorm along the training; combine with any other method."""

    name = "ema"
    reference = (
        "Polyak, Juditsky: Acceleration of Stochastic Approximation by Averaging, SIAM J. Control "
        "Optim. 30(4), 1992; BatchNorm measured anew as in Izmailov, Podoprikhin, Garipov, Vetrov, "
        "Wilson: Averaging Weights Leads to Wider Optima, UAI 2018, arXiv 1803.05407"
    )
    maps_unchanged = True
    capturable = True
    reason = "the signs of averaged weights are signs"
    decides = frozenset({"average"})

    decay: float = Field(0.999, gt=0, lt=1, description="Share of the average kept each step.")
    batch_norm_images: int = Field(
        400, ge=2, description="Training images on which BatchNorm is measured anew."
    )

    def start(self, setting: Setting) -> Runtime:
        return _Average(self, setting)
