"""torch.compile, and the question whether gradients survive it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from flow.errors import CheckFailed

_LEAST_SHARE, _LARGEST_SHARE = 0.1, 10.0
"""How far the norm of a gradient may move. Rounding turns some signs of an untrained network, which
moves gradients by tens of per cent; an error of the compiler leaves nothing of them."""


def require_gradients(
    model: nn.Module, plain: Callable[[], Tensor], compiled: Callable[[], Tensor]
) -> None:
    """Compare the gradients of two losses that compute the same; CheckFailed where they differ.

    PyTorch 2.11 compiles some autograd.Functions without their gradient and says nothing. Each
    callable does a training pass over the same images and returns the loss, a scalar. The state of
    `model` (BatchNorm's averages) is as before afterwards.
    """
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = dict(model.named_parameters())
    norms = []
    for loss in (plain, compiled):
        gradients = torch.autograd.grad(loss(), list(parameters.values()), allow_unused=True)
        model.load_state_dict(state)
        norms.append([0.0 if each is None else float(each.norm()) for each in gradients])
    for name, expected, found in zip(parameters, *norms, strict=True):
        if not _LEAST_SHARE * expected <= found <= _LARGEST_SHARE * expected:
            raise CheckFailed(
                f"train: torch.compile of PyTorch {torch.__version__} gets gradients wrong: that "
                f"of {name} has norm {found:.3g} instead of {expected:.3g}; leave --compile out, "
                "or use another version of PyTorch"
            )
