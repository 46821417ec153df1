"""What only a GPU can show: a captured step computes what the plain step does."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from flow.models.registry import ModelSpec
from flow.training.batches import Samples, training_batches
from flow.training.recipe import Recipe
from flow.training.session import Session

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

_METHODS: dict[str, dict[str, dict[str, Any]]] = {
    "sign": {},
    "recu": {"recu": {}, "reste": {}, "ema": {}},
    "dsq": {"dsq": {}},
    "two-stage": {"two-stage": {}, "reste": {}},
}


def _losses(recipe: Recipe, *, captured: bool) -> list[float]:
    session = Session(recipe, torch.device("cuda"))
    if not captured:
        session._compute_step = session._compute
    session.begin_epoch(1)
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (160, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 10, (160,), generator=generator)
    data = Samples(images.cuda(), labels.cuda())
    losses = []
    for step, (pixels, targets) in enumerate(training_batches(data, recipe, 1)):
        loss, _ = session.step(pixels, targets, step, 10)
        losses.append(float(loss))
    return losses


@pytest.mark.parametrize("methods", list(_METHODS))
def test_captured_step_computes_what_the_plain_step_does(methods: str) -> None:
    recipe = Recipe(
        model=ModelSpec(name="cnv", width=0.25),
        epochs=1,
        batch_images=16,
        crop_pixels=2,
        cutout_pixels=4,
        methods=_METHODS[methods],
    )
    captured, plain = (_losses(recipe, captured=captured) for captured in (True, False))
    assert len(captured) == 10
    assert len(set(captured)) == 10, "a replay must see its own batch"
    # Some gradients are sums by atomic additions, in no fixed order.
    assert captured == pytest.approx(plain, rel=2e-2)
