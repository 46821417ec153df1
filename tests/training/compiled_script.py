"""One step of the training, plain and compiled, in a process of its own as `flow train` has it.

Among the libraries that other tests load (simulators, onnxruntime, compiled networks), code of
torch.compile for the CPU was seen to end with a segmentation fault.
"""

from __future__ import annotations

import json

import torch

from flow.models.registry import ModelSpec
from flow.training.recipe import Recipe
from flow.training.session import Session

# Small: every layer that is compiled takes seconds.
MODEL = ModelSpec(name="tfc", channels=(16, 16, 16), image_side=8)
RECIPE = Recipe(model=MODEL, epochs=1, batch_images=8)


def step(session: Session) -> float:
    """Return the loss of one step on random images."""
    generator = torch.Generator().manual_seed(3)
    pixels = torch.rand(8, 3, 8, 8, generator=generator)
    labels = torch.randint(0, 10, (8,), generator=generator)
    session.begin_epoch(1)
    loss, _ = session.step(pixels, labels, 0, 10)
    return float(loss)


if __name__ == "__main__":
    recipe = RECIPE.model_copy(update={"methods": {"recu": {}, "reste": {}}})
    plain, compiled = (
        Session(recipe, torch.device("cpu"), compiled=each) for each in (False, True)
    )
    losses = [step(session) for session in (plain, compiled)]
    batches = int(compiled.model.state_dict()["bn_fc0.num_batches_tracked"])
    print(json.dumps({"losses": losses, "batches": batches}))
