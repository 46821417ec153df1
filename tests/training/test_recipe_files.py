"""The recipes that are shipped: each is understood, and trains a few steps as it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow.cli import app
from flow.commands.train import read_recipe
from flow.paths import repository_root
from flow.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from flow.training.recipe import Recipe
from flow.training.trained import build_twin

FOLDER = repository_root() / "models"
RECIPES = sorted([*FOLDER.glob("recipes/*.toml"), *FOLDER.glob("*.toml")])
FEW = ("epochs=1", "batch_images=4", "train_images=8", "validation_images=4", "compute=float32")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_is_understood_and_its_network_can_be_built(path: Path) -> None:
    recipe = read_recipe(path, [])
    with torch.device("meta"):
        network, _ = build_twin(recipe)
    assert sum(weight.numel() for weight in network.parameters()) > 100_000


def test_recipes_of_issue_10_differ_in_what_they_are_compared_for() -> None:
    plain, padded, byte = (
        read_recipe(FOLDER / "recipes" / f"gpu_bvgg16_{name}.toml", [])
        for name in ("pad0", "padm1", "8bit_ends")
    )
    assert padded == plain.model_copy(
        update={"model": plain.model.model_copy(update={"pad_value": -1})}
    )
    ends = {"first_weight_bits": 8, "last_weight_bits": 8}
    assert byte == plain.model_copy(update={"model": plain.model.model_copy(update=ends)})


@pytest.mark.slow  # full width: some 10 s each
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_trains_a_few_steps_at_its_full_width(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_photographs: Callable[[Path, int, int], Path],
) -> None:
    """By the command itself; only the number of images and the GPU's arithmetic are changed."""
    monkeypatch.chdir(tmp_path)
    recipe = read_recipe(path, [])
    changes = list(FEW)
    if "ema" in recipe.methods:
        changes.append("methods.ema.batch_norm_images=4")
    if "distillation" in recipe.methods:
        teacher = Recipe.model_validate({"model": {"name": "vgg16"}})
        weights = build_twin(teacher)[0].state_dict()
        Path("runs/teacher").mkdir(parents=True)
        save_checkpoint(Path("runs/teacher/best.pt"), Checkpoint(teacher, epoch=1, weights=weights))
    data = write_photographs(tmp_path / "data", 12, 4)
    arguments = ["train", "--recipe", str(path), "--data", str(data), "--run-dir", "run", "--quiet"]
    for change in changes:
        arguments += ["--set", change]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert load_checkpoint(Path("run/best.pt")).epoch == 1
