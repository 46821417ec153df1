"""Every method trains; those that map go through export, golden and streamlining bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")


from flow_check import golden_scores, through_the_flow

from flow.data.datasets import load_images
from flow.errors import UserError
from flow.frontend.golden import load_onnx
from flow.models import ModelSpec
from flow.models.registry import MODEL_NAMES
from flow.training import estimators
from flow.training.checkpoint import BEST, LAST, load_checkpoint
from flow.training.logs import LOG, read_log
from flow.training.loop import train
from flow.training.methods import Methods, Phase, method_classes
from flow.training.outcome import read_outcome
from flow.training.publish import publish
from flow.training.recipe import Recipe
from flow.training.session import Session
from flow.training.trained import brevitas_network, build_twin, finish

SIDE, TEST = 8, 100
SMALL: dict[str, dict[str, Any]] = {
    "vgg_small": {"channels": (16, 8, 16, 8, 16, 24), "image_side": SIDE},
    # Narrower, or on smaller maps, thirteen layers of signs forget the image in so few epochs.
    "bvgg16": {"channels": (16,) * 13 + (32,), "image_side": 16},
    "tfc": {"channels": (16, 16, 16), "image_side": SIDE},
    "lfc": {"channels": (24, 16, 24), "image_side": SIDE, "head": "flatten"},
    "cnv": {"channels": (8,) * 6 + (16, 16), "image_side": 32},
    "vgg16": {"channels": (8,) * 13 + (16,), "image_side": SIDE},
}
METHODS = sorted(method_classes())
OPTIONS: dict[str, dict[str, Any]] = {
    "binary-connect": {"draw": "stochastic"},
    "ema": {"decay": 0.9, "batch_norm_images": 60},
    "bop": {"gamma": 0.05, "threshold": 1e-5},
    "main-subsidiary": {"penalty": 3.0, "initial": 0.02},
}
# What does not learn in four epochs of five steps, and what does.
LONGER: dict[tuple[str, str], dict[str, Any]] = {
    ("bvgg16", "binary-connect"): {
        "epochs": 12,
        "latent_bound": 1.0,  # as the authors begin: near 0, thirteen layers are drawn by coin
        "peak_learning_rate": 0.1,
    },
    ("bvgg16", "two-stage"): {"epochs": 12},
    ("cnv", "reste"): {"epochs": 12},
}


@pytest.fixture(scope="module")
def data_dir(
    tmp_path_factory: pytest.TempPathFactory, write_photographs: Callable[[Path, int, int], Path]
) -> Path:
    return write_photographs(tmp_path_factory.mktemp("data"), 200, TEST)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Callable[[str], Path]:
    """Return the checkpoint of a teacher that sees images as large as those of a model."""

    @cache
    def trained(side: int) -> Path:
        run = tmp_path_factory.mktemp("teacher")
        recipe = small_recipe("vgg16", {}, epochs=1)
        spec = recipe.model.model_copy(update={"image_side": side})
        train(recipe.model_copy(update={"model": spec}), data_dir, run)
        return run / BEST

    return lambda model: trained(SMALL[model]["image_side"])


def small_recipe(model: str, methods: dict[str, dict[str, Any]], **changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "model": ModelSpec(name=model, classes=10, **SMALL[model]),  # type: ignore[arg-type]
        "epochs": 4,
        "batch_images": 32,
        "validation_images": 40,
        "peak_learning_rate": 1e-2,
        "latent_bound": 0.1,
        "seed": 5,
        "methods": methods,
    }
    return Recipe.model_validate(settings | changes)


def parameters(method: str, model: str, teacher: Callable[[str], Path]) -> dict[str, Any]:
    extra = {"teacher": str(teacher(model))} if method == "distillation" else {}
    return OPTIONS.get(method, {}) | extra


def check(
    model: str,
    method: str,
    data_dir: Path,
    teacher: Callable[[str], Path],
    folder: Path,
    *,
    followed: int = TEST,
) -> None:
    """Train, see the loss fall, publish, and follow the file through the flow.

    Scores are compared on 100 images, every tensor of the streamlined graph on `followed` of them.
    """
    changes = LONGER.get((model, method), {})
    recipe = small_recipe(model, {method: parameters(method, model, teacher)}, **changes)
    train(recipe, data_dir, folder / "run")
    losses = [report.train_loss for report in read_log(folder / "run" / LOG)]
    assert min(losses[1:]) < losses[0], losses
    if model == "vgg16":
        return
    published = publish(folder / "run", data_dir, folder / "net.onnx")
    images = load_images(data_dir, "test", recipe.model.image_shape).images
    assert len(images) == TEST
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    network = brevitas_network(finish(load_checkpoint(folder / "run" / BEST)))
    with torch.no_grad():
        scores = network(pixels).numpy()
    assert len({row.tobytes() for row in scores}) > 8, "the scores hardly depend on the image"
    np.testing.assert_array_equal(golden_scores(published.onnx, images), scores)
    assert method_classes()[method].maps_unchanged
    outcome = through_the_flow(published.onnx, images[:followed])
    assert outcome.bit_exact, outcome.difference
    assert outcome.images == followed


@pytest.mark.parametrize("method", METHODS)
def test_method_learns_and_its_network_stays_exact_up_to_the_streamlined_graph(
    method: str, data_dir: Path, teacher: Callable[[str], Path], tmp_path: Path
) -> None:
    check("tfc", method, data_dir, teacher, tmp_path)


@pytest.mark.parametrize(
    ("model", "method"),
    [("vgg_small", "bwn"), ("lfc", "lab"), ("vgg16", "sign")],
)
def test_model_learns_with_a_method_and_stays_exact(
    model: str, method: str, data_dir: Path, teacher: Callable[[str], Path], tmp_path: Path
) -> None:
    check(model, method, data_dir, teacher, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [name for name in MODEL_NAMES if name not in ("vgg16", "tfc")])
def test_every_model_learns_with_every_method(
    model: str, method: str, data_dir: Path, teacher: Callable[[str], Path], tmp_path: Path
) -> None:
    """tfc with every method is part of every test run, above."""
    check(model, method, data_dir, teacher, tmp_path, followed=10)


def test_combined_methods_stay_exact(
    data_dir: Path, teacher: Callable[[str], Path], tmp_path: Path
) -> None:
    """The modern recipe: ReCU weights, ReSTE activations, a teacher, averaged weights."""
    methods = {
        name: parameters(name, "tfc", teacher) for name in ("recu", "reste", "distillation", "ema")
    }
    train(small_recipe("tfc", methods), data_dir, tmp_path / "run")
    published = publish(tmp_path / "run", data_dir, tmp_path / "net.onnx")
    images = load_images(data_dir, "test", (SIDE, SIDE, 3)).images
    outcome = through_the_flow(published.onnx, images)
    assert outcome.bit_exact, outcome.difference


@pytest.mark.parametrize(
    "method", ["binary-connect", "lab", "bop", "ema", "apprentice", "auxiliary-heads"]
)
def test_methods_with_a_state_resume_to_identical_weights(
    method: str, data_dir: Path, teacher: Callable[[str], Path], tmp_path: Path
) -> None:
    recipe = small_recipe("tfc", {method: parameters(method, "tfc", teacher)}, epochs=3)
    train(recipe, data_dir, tmp_path / "straight")

    class Stop(Exception):
        pass

    def stop(report: Any) -> None:
        if report.epoch == 2:
            raise Stop

    with pytest.raises(Stop):
        train(recipe, data_dir, tmp_path / "cut", on_epoch=stop)
    train(recipe, data_dir, tmp_path / "cut")
    for name in (LAST, BEST):
        one, two = (load_checkpoint(tmp_path / run / name) for run in ("straight", "cut"))
        assert one.epoch == two.epoch
        for key, tensor in one.weights.items():
            assert torch.equal(tensor, two.weights[key]), key


def gradients_of_a_step(methods: dict[str, dict[str, Any]]) -> tuple[Session, dict[str, Any]]:
    """Return a session after its first step, and the gradients of the network by name."""
    session = Session(small_recipe("bvgg16", methods), torch.device("cpu"))
    session.begin_epoch(1)
    generator = torch.Generator().manual_seed(6)
    session.step(torch.rand(8, 3, 16, 16, generator=generator), torch.arange(8), 0, 10)
    return session, {name: p.grad.clone() for name, p in session.model.named_parameters()}


def test_heads_bring_gradient_to_the_layers_in_front_of_them_and_to_no_others() -> None:
    _, plain = gradients_of_a_step({})
    session, helped = gradients_of_a_step({"auxiliary-heads": {"behind": [4, 9]}})
    changed = [name for name in plain if not torch.equal(plain[name], helped[name])]
    weights = [f"conv{index}.weight" for index in range(9)]
    assert [name for name in changed if name.startswith(("conv", "fc"))] == weights
    for head in session.runtimes["auxiliary-heads"].state_dict().values():
        assert bool(head.abs().max() > 0)


def test_heads_loss_is_their_weight_times_the_cross_entropy_of_the_channel_means() -> None:
    options = {"auxiliary-heads": {"behind": [3], "weight_of_each": 0.7}}
    session = Session(small_recipe("bvgg16", options), torch.device("cpu"))
    heads, labels = session.runtimes["auxiliary-heads"], torch.arange(8)
    pixels = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(6))
    session.begin_epoch(1)
    with torch.no_grad():
        scores = session.model(pixels)
        added = float(heads.loss(pixels, labels, scores, torch.tensor(2.0))) - 2.0
        signs = session.model[: list(session.model._modules).index("sign2") + 1](pixels)
        state = heads.state_dict()
        own = signs.mean((2, 3)) @ state["3.weight"].T + state["3.bias"]
        expected = 0.7 * float(torch.nn.functional.cross_entropy(own, labels))
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    assert added == pytest.approx(expected, rel=1e-5)


def test_heads_learn_with_the_optimiser_of_the_network(data_dir: Path, tmp_path: Path) -> None:
    for method in ("sign", "bop"):
        recipe = small_recipe("tfc", {"auxiliary-heads": {}, method: {}}, epochs=2)
        begun = Session(recipe, torch.device("cpu")).method_states()["auxiliary-heads"]
        train(recipe, data_dir, tmp_path / method)
        trained = load_checkpoint(tmp_path / method / LAST).methods["auxiliary-heads"]
        assert begun.keys() == trained.keys() == {"2.weight", "2.bias"}
        assert all(not torch.equal(begun[name], trained[name]) for name in begun), method


def test_heads_are_dropped_at_the_end(data_dir: Path, tmp_path: Path) -> None:
    """What the trained network is made of is the same with and without them."""
    shapes = []
    for methods in ({}, {"auxiliary-heads": {}}):
        run = tmp_path / str(len(methods))
        train(small_recipe("vgg_small", methods, epochs=1), data_dir, run)
        finished = finish(load_checkpoint(run / BEST))
        published = publish(run, data_dir, run / "net.onnx").onnx
        nodes = [node.op_type for node in load_onnx(published).graph.node]
        packed = read_outcome(run).network.state
        shapes.append(
            [{n: t.shape for n, t in state.items()} for state in (finished.state, packed)] + [nodes]
        )
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("model", "numbers"),
    [
        ("bvgg16", ["4", "7", "9", "11", "12"]),
        ("vgg16", ["4", "7", "9", "11", "12"]),
        ("cnv", ["2", "4", "5"]),
        ("vgg_small", ["2", "4", "5"]),
        ("tfc", ["2"]),
    ],
)
def test_heads_stand_behind_inner_layers_unless_told_otherwise(
    model: str, numbers: list[str]
) -> None:
    session = Session(small_recipe(model, {"auxiliary-heads": {}}), torch.device("cpu"))
    names = session.runtimes["auxiliary-heads"].state_dict()
    assert [name.removesuffix(".bias") for name in names if name.endswith(".bias")] == numbers


@pytest.mark.parametrize(
    ("model", "behind", "message"),
    [
        ("cnv", [2, 7], r"behind: cnv has 6 hidden layers .* none is number 7; use .* 1 to 6"),
        ("tfc", [0], r"behind: tfc has 3 hidden layers .* none is number 0; use .* 1 to 3"),
        ("cnv", [2, 2], r"auxiliary-heads\.behind: .*\[2, 2\] names a layer twice"),
        ("cnv", [], r"auxiliary-heads\.behind: .*at least 1 item"),
    ],
)
def test_positions_of_heads_that_cannot_be_are_refused(
    model: str, behind: list[int], message: str
) -> None:
    recipe = small_recipe(model, {"auxiliary-heads": {"behind": behind}})
    with pytest.raises(UserError, match=message):
        Session(recipe, torch.device("cpu"))


def test_loss_of_heads_is_not_weighed_by_another_method_of_the_loss() -> None:
    for order in (("auxiliary-heads", "apprentice"), ("apprentice", "auxiliary-heads")):
        recipe = small_recipe("tfc", {name: {} for name in order})
        assert list(Session(recipe, torch.device("cpu")).runtimes) == [
            "apprentice",
            "auxiliary-heads",
        ]


@pytest.mark.parametrize("method", METHODS)
def test_only_methods_that_say_so_follow_the_number_of_epochs(
    method: str, teacher: Callable[[str], Path]
) -> None:
    chosen = Methods({method: parameters(method, "tfc", teacher)})
    results = []
    for place in (0.1, 0.9):
        phase = Phase(generator=torch.Generator().manual_seed(0))
        phase.move_to(place)
        latent, x = (torch.linspace(-1, 1, 24, requires_grad=True) for _ in range(2))
        weight = chosen.weights.weight(latent.reshape(4, 6), phase)
        (weight.sum() + chosen.activations.activation(x, phase).sum()).backward()  # type: ignore[no-untyped-call]
        results.append([weight.tolist(), latent.grad, x.grad])  # type: ignore[union-attr]
    same = results[0][0] == results[1][0] and all(
        torch.equal(*pair) for pair in zip(results[0][1:], results[1][1:], strict=True)
    )
    assert same is not method_classes()[method].scheduled


def test_masked_channels_leave_the_network_and_nothing_changes(
    data_dir: Path, tmp_path: Path
) -> None:
    recipe = small_recipe("vgg_small", {"main-subsidiary": {}}, epochs=1)
    twin, _ = build_twin(recipe)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, tensor in twin.named_parameters():
            tensor.uniform_(-1, 1, generator=generator)
            if name == "bn_head.weight":
                tensor.abs_()
    images = load_images(data_dir, "test", (SIDE, SIDE, 3)).images[:50]
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    with torch.no_grad():
        for _ in range(20):
            twin(pixels)
        from flow.training.checkpoint import Checkpoint

        finished = finish(Checkpoint(recipe, weights=twin.state_dict()))
        assert finished.spec.channels is not None
        # (16, 8, 16, 8, 16, 24) before: about half are masked, the rest is rounded up to 8.
        assert sum(finished.spec.channels) < 88
        assert all(count % 8 == 0 for count in finished.spec.channels)
        expected = twin.eval()(pixels)
        assert torch.equal(brevitas_network(finished)(pixels), expected)


def test_scale_times_any_sum_is_exact_in_any_order() -> None:
    generator = torch.Generator().manual_seed(1)
    for bound in (9, 4608, 27 * 128, 3072 * 128):
        scale = estimators.exact_scale(torch.rand(50, generator=generator), bound)
        sums = torch.tensor([bound, bound - 1, bound // 2 + 1])
        product = scale[:, None] * sums
        exact = scale[:, None].double() * sums.double()
        assert torch.equal(product.double(), exact)


def test_powers_of_two_are_the_nearest_in_the_exponent() -> None:
    x = torch.tensor([0.0, 1.0, 1.4, 1.5, -3.0, 0.26])
    assert estimators.nearest_power_of_two(x).tolist() == [0.0, 1.0, 1.0, 2.0, -4.0, 0.25]


def test_stochastic_binary_connect_draws_by_its_probability() -> None:
    method = Methods({"binary-connect": {"draw": "stochastic"}}).weights
    phase = Phase(generator=torch.Generator().manual_seed(0))
    for latent in (-1.0, -0.5, 0.0, 0.5, 1.0):
        drawn = method.weight(torch.full((20_000,), latent), phase)
        assert set(drawn.tolist()) <= {-1.0, 1.0}
        assert float((drawn > 0).float().mean()) == pytest.approx((latent + 1) / 2, abs=0.02)


def test_two_stage_has_real_weights_first_and_signs_later() -> None:
    method = Methods({"two-stage": {"first_stage": 0.5}}).weights
    latent = torch.tensor([-0.3, 0.2])
    assert method.weight(latent, Phase(place=0.49)).tolist() == latent.tolist()
    assert method.weight(latent, Phase(place=0.5)).tolist() == [-1.0, 1.0]
    assert method.binary(latent).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("method", ["dsq", "reste"])
def test_estimators_sharpen_along_the_training(method: str) -> None:
    chosen = Methods({method: {}}).activations
    slopes = []
    for place in (0.0, 1.0):
        x = torch.tensor([0.05, 0.9], requires_grad=True)
        chosen.activation(x, Phase(place=place)).sum().backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        slopes.append(float(x.grad[0] / x.grad[1]))
    assert slopes[1] > 2 * slopes[0], "near zero the gradient should gain on that far away"


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_soft_sign_of_dsq_runs_from_minus_one_to_one(place: float) -> None:
    """Its slope is the derivative of a function that is +-1 at +-1, whatever alpha is."""
    x = torch.linspace(-1, 1, 20_001, requires_grad=True)
    dsq = Methods({"dsq": {}}).activations
    dsq.activation(x, Phase(place=place)).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert float(torch.trapezoid(x.grad, x.detach())) == pytest.approx(2, rel=1e-4)


def test_schedules_of_recu_and_reste_are_those_of_their_authors_code() -> None:
    recu, reste = method_classes()["recu"](), method_classes()["reste"]()
    # recu: a * e ** place + b through both ends; reste: 1 + (1 - cos(place * pi / 2)) (o_end - 1).
    zero, half, one = torch.tensor([0.0, 0.5, 1.0])
    assert [float(recu.tau(p)) for p in (zero, one)] == pytest.approx([0.85, 0.99])  # type: ignore[attr-defined]
    slope = 0.14 / (np.e - 1)
    assert float(recu.tau(half)) == pytest.approx(0.85 - slope + slope * np.e**0.5)  # type: ignore[attr-defined]
    orders = [float(reste.order(p)) for p in (zero, half, one)]  # type: ignore[attr-defined]
    assert orders == pytest.approx([1, 3 - 2**0.5, 3])


def test_xnor_net_centres_each_place_of_the_kernel_over_the_input_channels(
    data_dir: Path, tmp_path: Path
) -> None:
    train(small_recipe("vgg_small", {"xnor-net": {}}, epochs=1), data_dir, tmp_path)
    weights = load_checkpoint(tmp_path / LAST).weights
    for name in ("conv1.weight", "conv2.weight"):
        assert float(weights[name].mean(dim=1).abs().max()) < 1e-6, name


def test_apprentice_weighs_its_three_losses_as_the_paper_does(tmp_path: Path) -> None:
    recipe = small_recipe("tfc", {"apprentice": {}})
    session = Session(recipe, torch.device("cpu"))
    scores = torch.randn(4, 10, generator=torch.Generator().manual_seed(2))
    pixels, labels = torch.rand(4, 3, SIDE, SIDE), torch.arange(4)
    apprentice = session.runtimes["apprentice"]
    with torch.no_grad():
        less, more = (
            float(apprentice.loss(pixels, labels, scores, torch.tensor(own))) for own in (0.0, 2.0)
        )
    assert more - less == pytest.approx(0.5 * 2)


def test_gradient_passes_the_sign_up_to_one_and_no_further() -> None:
    beyond = float(np.nextafter(np.float32(1), np.float32(2)))
    x = torch.tensor([-2, -beyond, -1, -0.0, 0, 0.5, 1, beyond, 2], requires_grad=True)
    y = estimators.sign(x)
    y.backward(torch.arange(1.0, 10.0))  # type: ignore[no-untyped-call]
    assert y.tolist() == [-1, -1, -1, 1, 1, 1, 1, 1, 1]
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0, 3, 4, 5, 6, 7, 0, 0]


def test_methods_that_decide_the_same_are_refused() -> None:
    with pytest.raises(UserError, match=r"methods bwn and recu both decide the weights"):
        Methods({"bwn": {}, "recu": {}})


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"rekuh": {}}, r"there is no method 'rekuh'; use some of sign, binary-connect"),
        ({"recu": {"tau": 1}}, r"methods\.recu\.tau: Extra inputs"),
        ({"distillation": {}}, r"methods\.distillation\.teacher: Field required"),
    ],
)
def test_unknown_methods_and_parameters_are_user_errors(
    methods: dict[str, dict[str, Any]], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Methods(methods)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_names_its_reference_and_says_whether_it_maps(method: str) -> None:
    kind = method_classes()[method]
    assert len(kind.reference) > 20
    assert len(kind.reason) > 20
    assert isinstance(kind.maps_unchanged, bool)
    assert all(field.description for field in kind.model_fields.values())
