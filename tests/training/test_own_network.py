"""PyTorch files as sources of a build: checkpoints, state_dicts, packed files, own modules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow_check import golden_scores, through_the_flow
from own_module import load_own_module, save_own_module

from flow.data.datasets import find_images
from flow.errors import CheckFailed, UserError
from flow.models import ModelSpec, build_model
from flow.training.checkpoint import BEST, Checkpoint, load_checkpoint, save_checkpoint
from flow.training.loop import train
from flow.training.own_network import export_source
from flow.training.packed import load_packed, save_packed
from flow.training.publish import publish
from flow.training.recipe import Recipe
from flow.training.trained import FinishedNetwork, brevitas_network, build_twin, finish

SPEC = {"name": "tfc", "channels": [16, 16, 16], "image_side": 8}
IMAGES = find_images(None, 30).images[:, ::4, ::4]


def pixels() -> torch.Tensor:
    planes = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
    return torch.from_numpy(planes.astype(np.float32) / np.float32(255))


def recipe(**changes: object) -> Recipe:
    settings: dict[str, object] = {"model": SPEC, "batch_images": 32, "validation_images": 40}
    return Recipe.model_validate(settings | {"epochs": 2} | changes)


def checkpoint(path: Path, **changes: object) -> Path:
    """Write an untrained checkpoint whose BatchNorm has seen images."""
    torch.manual_seed(4)
    chosen = recipe(**changes)
    model, _ = build_twin(chosen)
    with torch.no_grad():
        for _ in range(20):
            model(pixels())
    save_checkpoint(path, Checkpoint(chosen, epoch=1, weights=model.state_dict()))
    return path


@torch.no_grad()
def scores(network: torch.nn.Module) -> np.ndarray:
    result: np.ndarray = network.eval()(pixels()).numpy()
    return result


@pytest.mark.parametrize("methods", [{}, {"bwn": {}}, {"bnn-shift": {}}])
def test_packed_file_gives_the_network_back_and_is_as_small_as_promised(
    methods: dict[str, dict[str, object]], tmp_path: Path
) -> None:
    finished = finish(load_checkpoint(checkpoint(tmp_path / "net.pt", methods=methods)))
    path = save_packed(finished, tmp_path / "net.bnn")
    again = load_packed(path)
    assert again.spec == finished.spec
    for name, tensor in finished.state.items():
        assert torch.equal(again.state[name], tensor), name
    expected = scores(brevitas_network(finished))
    np.testing.assert_array_equal(scores(brevitas_network(again)), expected)
    np.testing.assert_array_equal(
        golden_scores(export_source(path, tmp_path / "net.onnx"), IMAGES), expected
    )


def test_packed_full_width_bvgg16_has_about_two_megabytes(tmp_path: Path) -> None:
    spec = ModelSpec()
    with torch.device("meta"):
        shapes = {
            name: t.shape for name, t in build_twin(Recipe(model=spec))[0].state_dict().items()
        }
    rng = np.random.default_rng(0)
    state = {
        name: torch.from_numpy(rng.choice(np.float32([-1, 1]), size=tuple(shape)))
        if len(shape) > 1
        else torch.zeros(shape)
        for name, shape in shapes.items()
    }
    path = save_packed(FinishedNetwork(spec, state, {}), tmp_path / "full.bnn")
    assert 1_900_000 < path.stat().st_size < 2_100_000
    again = load_packed(path)
    assert all(torch.equal(again.state[name], tensor) for name, tensor in state.items())


def test_damaged_packed_file_is_a_user_error(tmp_path: Path) -> None:
    finished = finish(load_checkpoint(checkpoint(tmp_path / "net.pt")))
    path = save_packed(finished, tmp_path / "net.bnn")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(UserError, match=r"net\.bnn is not a packed network"):
        load_packed(path)


def test_checkpoint_is_exported_like_the_network_it_holds(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "best.pt")
    onnx = export_source(source, tmp_path / "net.onnx")
    expected = scores(brevitas_network(finish(load_checkpoint(source))))
    np.testing.assert_array_equal(golden_scores(onnx, IMAGES), expected)


def test_state_dict_of_a_supported_network_needs_only_its_description(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = build_model("tfc", channels=(16, 16, 16), image_side=8)
    scores(network.train())
    torch.save(network.state_dict(), tmp_path / "mine.pt")
    (tmp_path / "mine.toml").write_text(
        '[model]\nname = "tfc"\nchannels = [16, 16, 16]\nimage_side = 8\n'
    )
    onnx = export_source(tmp_path / "mine.pt", tmp_path / "net.onnx")
    np.testing.assert_array_equal(golden_scores(onnx, IMAGES), scores(network))


def test_state_dict_without_description_says_what_to_write(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "mine.pt")
    with pytest.raises(UserError, match=r"mine\.pt is a plain state_dict; write mine\.toml beside"):
        export_source(tmp_path / "mine.pt", tmp_path / "net.onnx")


def test_state_dict_of_another_architecture_is_refused_naming_the_difference(
    tmp_path: Path,
) -> None:
    torch.save(build_model("cnv", width=0.125).state_dict(), tmp_path / "mine.pt")
    (tmp_path / "mine.toml").write_text('[model]\nname = "cnv"\nwidth = 0.25\n')
    message = r"mine\.pt holds another architecture \(conv0\.weight is \[8, 3, 3, 3\], not \[16, 3"
    with pytest.raises(UserError, match=message):
        export_source(tmp_path / "mine.pt", tmp_path / "net.onnx")


def test_own_brevitas_module_goes_through_golden_and_streamlining(tmp_path: Path) -> None:
    torch.manual_seed(6)
    source = save_own_module(tmp_path / "own.py", pixels(), pools=[6], padding=0)
    network = load_own_module(source)
    onnx = export_source(source, tmp_path / "net.onnx")
    np.testing.assert_array_equal(golden_scores(onnx, IMAGES), scores(network))
    outcome = through_the_flow(onnx, IMAGES)
    assert outcome.bit_exact, outcome.difference


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", r"own\.py has no function build_model\(\) that returns a torch module"),
        ("def build_model():\n    return 3", r"has no function build_model\(\)"),
        ("import nothing_like_that", r"own\.py failed: ModuleNotFoundError"),
    ],
)
def test_python_file_that_builds_no_network_is_a_user_error(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(text)
    with pytest.raises(UserError, match=message):
        export_source(tmp_path / "own.py", tmp_path / "net.onnx")


def test_export_that_gives_other_scores_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = checkpoint(tmp_path / "best.pt")
    monkeypatch.setattr(
        "flow.training.own_network.run_qonnx", lambda path, images: np.ones((4, 10), np.float32)
    )
    with pytest.raises(CheckFailed, match=r"the exported QONNX and the PyTorch module differ"):
        export_source(source, tmp_path / "net.onnx")


def test_checkpoint_of_the_first_version_loads_and_equals_its_recipe(tmp_path: Path) -> None:
    """Recipe fields and checkpoint entries added since have defaults."""
    path = tmp_path / "last.pt"
    chosen = recipe()
    state = build_twin(chosen)[0].state_dict()
    old = (
        '{"model":{"name":"bvgg16","width":0.25,"pad_value":0,"head":"global-max","classes":10},'
        '"epochs":60,"batch_images":200,"validation_images":5000,"train_images":null,'
        '"peak_learning_rate":0.002,"warm_up_fraction":0.25,"latent_bound":0.1,"flip":true,'
        '"crop_pixels":0,"compute":"float32","seed":1}'
    )
    content = {"recipe": old, "epoch": 60, "seconds": 1.0, "best_epoch": 58}
    content |= {"best_validation_accuracy": 0.6, "weights": state, "optimizer": {}}
    torch.save(content, path)
    from flow.commands.train import read_recipe

    root = Path(__file__).resolve().parents[2]
    file = root / "models" / "bvgg16_w0.25_pad0.toml"
    assert load_checkpoint(path).recipe == read_recipe(file, [])


def test_network_with_real_activations_is_not_published(
    tmp_path: Path, write_photographs: Callable[[Path, int, int], Path]
) -> None:
    data = write_photographs(tmp_path / "data", 100, 20)
    chosen = recipe(model=SPEC | {"activations": "relu"}, epochs=1)
    train(chosen, data, tmp_path / "run")
    assert (tmp_path / "run" / BEST).is_file()
    with pytest.raises(UserError, match=r"this tfc has real activations"):
        publish(tmp_path / "run", data, tmp_path / "net.onnx")


@pytest.mark.parametrize("name", ["first_weight_bits", "last_weight_bits"])
def test_eight_bit_ends_are_exact_up_to_the_golden_model(name: str, tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "best.pt", model=SPEC | {name: 8})
    twin, _ = build_twin(load_checkpoint(source).recipe)
    twin.load_state_dict(load_checkpoint(source).weights)
    expected = scores(twin)
    onnx = export_source(source, tmp_path / "net.onnx")
    np.testing.assert_array_equal(
        scores(brevitas_network(finish(load_checkpoint(source)))), expected
    )
    np.testing.assert_array_equal(golden_scores(onnx, IMAGES), expected)
