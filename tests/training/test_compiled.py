"""Torch.compile must keep the gradients; PyTorch 2.11 loses some without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from flow.errors import CheckFailed
from flow.models.registry import ModelSpec
from flow.training.estimators import sign, sign_with_slope
from flow.training.recipe import Recipe
from flow.training.session import Session

# Small: every layer that is compiled takes seconds.
_MODEL = ModelSpec(name="tfc", channels=(16, 16, 16), image_side=8)
_RECIPE = Recipe(model=_MODEL, epochs=1, batch_images=8)


def _step(session: Session) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    pixels = torch.rand(8, 3, 8, 8, generator=generator)
    labels = torch.randint(0, 10, (8,), generator=generator)
    session.begin_epoch(1)
    loss, _ = session.step(pixels, labels, 0, 10)
    return loss


def test_compiled_step_is_the_plain_step_and_its_check_leaves_no_trace() -> None:
    recipe = _RECIPE.model_copy(update={"methods": {"recu": {}, "reste": {}}})
    plain, compiled = (
        Session(recipe, torch.device("cpu"), compiled=each) for each in (False, True)
    )
    losses = [float(_step(session)) for session in (plain, compiled)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    counts = compiled.model.state_dict()["bn_fc0.num_batches_tracked"]
    assert int(counts) == 1


def test_compiler_that_loses_gradients_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def losing(forward: Any) -> Callable[[Tensor], Tensor]:
        *front, last = forward

        def run(x: Tensor) -> Tensor:
            for layer in front:
                x = layer(x)
            result: Tensor = last(x.detach())
            return result

        return run

    monkeypatch.setattr(torch, "compile", losing)
    session = Session(_RECIPE, torch.device("cpu"), compiled=True)
    with pytest.raises(CheckFailed, match=r"that of fc0\.weight has norm 0 instead of"):
        _step(session)


class _Recorder(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("of", [sign, lambda x: sign_with_slope(x, torch.ones_like(x))])
def test_signs_change_nothing_in_place(of: Callable[[Tensor], Tensor]) -> None:
    """That is where PyTorch 2.11 loses the gradient; later versions do not."""
    x = torch.tensor([-1.0, -0.0, 0.0, 0.5], requires_grad=True)
    with _Recorder() as recorder:
        assert of(x).tolist() == [-1, 1, 1, 1]
    assert recorder.names, "the recorder must see something"
    in_place = [n for n in recorder.names if n.endswith("_") and not n.endswith("__")]
    assert in_place == []
