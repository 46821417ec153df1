"""Pruning for a board: physically smaller, fitting, and still exact through the flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow_check import through_the_flow
from typer.testing import CliRunner

from flow.board import ResourceCounts, find_board
from flow.cli import app
from flow.data.datasets import load_images
from flow.engine.report import read_report
from flow.errors import UserError
from flow.frontend.golden import load_onnx, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.hardware.plan import plan_hardware
from flow.models import ModelSpec
from flow.models.export import export_qonnx
from flow.training.channels import layer_names, take_channels
from flow.training.checkpoint import BEST, LAST, load_checkpoint
from flow.training.fitting import fits_board, layer_shapes_of
from flow.training.logs import LOG, read_log
from flow.training.loop import train
from flow.training.pruning import (
    fits_weight_memory,
    memory_bits,
    prune_to_fit,
    start_pruned_run,
    weight_bits,
)
from flow.training.publish import publish
from flow.training.recipe import Recipe
from flow.training.trained import build_twin

SPEC = ModelSpec(name="vgg_small", channels=(16, 16, 16, 24, 16, 24), image_side=8)


def budget(bram36: int) -> ResourceCounts:
    return ResourceCounts(lut=0, ff=0, bram36=bram36, uram=0, dsp=0)


@pytest.fixture(scope="module")
def data_dir(
    tmp_path_factory: pytest.TempPathFactory, write_photographs: Callable[[Path, int, int], Path]
) -> Path:
    return write_photographs(tmp_path_factory.mktemp("data"), 200, 50)


def test_weight_bits_of_the_paper_network_are_fifteen_megabit() -> None:
    assert weight_bits(ModelSpec()) == pytest.approx(15.2e6, rel=0.005)
    last = weight_bits(ModelSpec(last_weight_bits=8))
    assert last - weight_bits(ModelSpec()) == 7 * 10 * 1024


def test_full_width_is_thinned_for_the_pynq_z2_and_left_alone_for_the_zcu104() -> None:
    with torch.device("meta"):
        twin, _ = build_twin(Recipe(model=ModelSpec(width=1.0)))
    generator = torch.Generator().manual_seed(0)
    state = {
        name: torch.rand(tensor.shape, generator=generator)
        for name, tensor in twin.state_dict().items()
    }
    small, large = find_board("PYNQ-Z2").budget, find_board("ZCU104").budget
    assert weight_bits(ModelSpec()) > memory_bits(small)
    pruned = prune_to_fit(ModelSpec(), state, fits_weight_memory(small))
    assert pruned.spec.channels is not None
    assert 0.8 * memory_bits(small) < weight_bits(pruned.spec) <= memory_bits(small)
    assert all(count % 8 == 0 for count in pruned.spec.channels)
    assert prune_to_fit(ModelSpec(), state, fits_weight_memory(large)).spec == ModelSpec()


@pytest.mark.parametrize("head", ["global-max", "flatten"])
@torch.no_grad()
def test_channels_that_give_nothing_are_taken_out_without_a_trace(head: str) -> None:
    """Zero the weights that read some channels: removing these channels then changes nothing."""
    spec = SPEC.model_copy(update={"head": head})
    recipe = Recipe(model=spec)
    twin, _ = build_twin(recipe)
    names = [name for name, _ in layer_names(spec)]
    state = {name: tensor.clone() for name, tensor in twin.state_dict().items()}
    keep: list[torch.Tensor | None] = [None] * (len(names) - 1)
    keep[1], keep[5] = torch.arange(1, 16, 2), torch.tensor([0, 3, 5, 11, 12, 20, 21, 23])
    new_spec, small = take_channels(spec, state, keep)
    assert new_spec.channels == (16, 8, 16, 24, 16, 8)
    smaller, _ = build_twin(Recipe(model=new_spec))
    smaller.load_state_dict(small)
    pixels = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    # In the large network the removed channels are silenced behind their sign.
    for index, chosen in ((1, keep[1]), (5, keep[5])):
        assert chosen is not None
        gate = torch.zeros(spec.channels[index])  # type: ignore[index]
        gate[chosen] = 1
        sign = dict(twin.named_children())[f"sign{index}"]
        sign.register_forward_hook(lambda m, i, out, gate=gate: out * gate[:, None, None])
    assert torch.equal(twin.eval()(pixels), smaller.eval()(pixels))


def test_pruned_run_is_fine_tuned_fits_and_passes_the_flow(data_dir: Path, tmp_path: Path) -> None:
    settings = {"model": SPEC, "batch_images": 32, "validation_images": 40, "epochs": 3}
    recipe = Recipe.model_validate(settings | {"peak_learning_rate": 1e-2})
    train(recipe, data_dir, tmp_path / "run")
    room = budget(bram36=0).model_copy(update={"bram36": 1})  # 27,648 bits of 36,864
    wide = recipe.model.model_copy(update={"channels": (32, 32, 32, 32, 32, 32)})
    assert weight_bits(SPEC) < memory_bits(room) < weight_bits(wide)
    wide_recipe = recipe.model_copy(update={"model": wide})
    train(wide_recipe, data_dir, tmp_path / "wide")
    pruned = tmp_path / "wide" / "pruned"
    smaller, text = start_pruned_run(tmp_path / "wide", pruned, room, 2)
    assert "weight bits became" in text
    assert load_checkpoint(pruned / LAST).epoch == 0
    result = train(smaller, data_dir, pruned)
    assert result.epochs == 2
    started = load_checkpoint(tmp_path / "wide" / BEST).weights["conv0.weight"]
    assert load_checkpoint(pruned / BEST).weights["conv0.weight"].shape[0] < started.shape[0]
    published = publish(pruned, data_dir, tmp_path / "net.onnx")
    assert weight_bits(smaller.model) <= memory_bits(room)
    outcome = through_the_flow(
        published.onnx, load_images(data_dir, "test", SPEC.image_shape).images
    )
    assert outcome.bit_exact, outcome.difference
    # It went on from the trained weights: its first epoch is better than the wide one's first.
    first = [read_log(folder / LOG)[0].train_loss for folder in (pruned, tmp_path / "wide")]
    assert first[0] < first[1]


def test_network_that_fits_no_way_is_a_user_error() -> None:
    twin, _ = build_twin(Recipe(model=SPEC))
    with pytest.raises(UserError, match=r"does not fit even with 8 channels in every layer"):
        prune_to_fit(SPEC, twin.state_dict(), lambda spec: False)


@pytest.mark.parametrize(
    "spec",
    [
        SPEC.model_copy(update={"head": "flatten", "pad_value": -1}),
        pytest.param(
            ModelSpec(name="bvgg16", channels=(8,) * 13 + (16,), image_side=8),
            marks=pytest.mark.slow,  # half a minute of FINN
        ),
        ModelSpec(name="tfc", channels=(16, 24, 16), image_side=8),
    ],
    ids=lambda spec: spec.name,
)
def test_shapes_by_the_description_are_those_of_the_plan(spec: ModelSpec, tmp_path: Path) -> None:
    network = spec.brevitas_layers().train()
    with torch.no_grad():
        network(torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(1)))
    export_qonnx(network.eval(), tmp_path / "net.onnx", input_shape=(1, 3, 8, 8))
    golden = lower_to_plain_onnx(load_onnx(tmp_path / "net.onnx"))
    real, derived = plan_hardware(network_from_golden(golden)).layers, layer_shapes_of(spec)
    assert len(real) == len(derived)
    for one, other in zip(real, derived, strict=True):
        assert replace(other, name=one.name, acc_bits=one.acc_bits) == one
        assert (other.acc_bits or 0) >= (one.acc_bits or 0), "never narrower than the plan's"


def test_a_network_is_pruned_until_its_folding_fits_and_not_its_weights_alone() -> None:
    """CNV fits a PYNQ-Z2; with a twentieth of the LUTs its weights would still fit."""
    board, spec = find_board("PYNQ-Z2"), ModelSpec(name="cnv")
    share = board.max_utilisation.model_copy(update={"lut": 0.05})
    poor = board.model_copy(update={"max_utilisation": share})
    assert fits_board(board)(spec)
    assert fits_weight_memory(poor.budget)(spec)
    assert not fits_board(poor)(spec)


@pytest.mark.slow  # the whole flow: FINN, yosys, Verilator
def test_command_prunes_for_the_pynq_z2_and_the_network_passes_the_whole_flow(
    tmp_path: Path, write_photographs: Callable[[Path, int, int], Path]
) -> None:
    """VGG-small at full width has 4.6 Mbit of weights, three quarters of the budget are 3.3."""
    data, recipe = write_photographs(tmp_path / "data", 60, 20), tmp_path / "wide.toml"
    recipe.write_text(
        "epochs = 1\nbatch_images = 20\nvalidation_images = 20\n"
        '[model]\nname = "vgg_small"\nhead = "flatten"\nimage_side = 8\n'
    )
    onnx = tmp_path / "small.onnx"
    arguments = ["train", "--recipe", recipe, "--data", data, "--run-dir", tmp_path / "run"]
    arguments += ["--prune-to-fit", "PYNQ-Z2", "--publish", onnx]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert "4,579,712 weight bits became " in result.output
    pruned = load_checkpoint(tmp_path / "run" / "pruned_pynq_z2" / BEST).recipe.model
    assert weight_bits(pruned) <= memory_bits(find_board("PYNQ-Z2").budget)
    arguments = ["build", "--model", onnx, "--board", "PYNQ-Z2", "--set", "verify.images=2"]
    arguments += ["--build-dir", tmp_path / "build"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    report = read_report(tmp_path / "build" / "small" / "pynq_z2" / "report.json")
    assert report.verify is not None
    checks = (report.verify.python, report.verify.cppsim, report.verify.rtlsim)
    assert [check is not None and check.bit_exact for check in checks] == [True, True, True]
