"""The compiled model of hardware graphs against golden, and how differences are reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from check.cppsim.compiled import Compile, backends
from check.cppsim.compiled_network import Case, case_of
from nets import picture_rule
from PIL import Image

from driver.cpu import CpuBackend
from driver.scores import ScoreMap
from flow.check import cppsim
from flow.check.cpp.steps import Program
from flow.data.cifar10 import load_cifar10
from flow.data.datasets import find_images
from flow.data.images import ImageSet
from flow.environment import read_environment
from flow.errors import UserError
from flow.frontend.golden import GoldenModel, GoldenSession, load_onnx
from flow.frontend.golden.vectors import GoldenVectors

RULE = picture_rule((32, 32, 3))
ROOT = Path(__file__).resolve().parents[3]
DATA_DIR = read_environment().data_dir or ROOT.parent / "shared" / "data" / "cifar10"
NETWORKS = {
    "cnv": ROOT.parent / "shared" / "models" / "cnv_w1a1_bnnpynq.onnx",
    "bvgg16_w0.25_pad0": ROOT / "models" / "bvgg16_w0.25_pad0.onnx",
    "bvgg16_tiny_pad0": ROOT / "tests" / "data" / "bvgg16_tiny_pad0.onnx",
    "bvgg16_tiny_padm1": ROOT / "tests" / "data" / "bvgg16_tiny_padm1.onnx",
    "cnv_quarter": ROOT / "tests" / "data" / "cnv_quarter.onnx",
}


@pytest.fixture(scope="module")
def prepare() -> Callable[[str], Case]:
    made: dict[str, Case] = {}

    def run(name: str) -> Case:
        if name not in made:
            if not NETWORKS[name].is_file():
                pytest.skip(f"{NETWORKS[name].name} is not there")
            made[name] = case_of(load_onnx(NETWORKS[name]))
        return made[name]

    return run


def golden_vectors(golden: GoldenModel, images: np.ndarray, labels: np.ndarray) -> GoldenVectors:
    results = GoldenSession(golden).run_with_taps(images)
    taps = [(tap.name, results[tap.name]) for tap in golden.taps]
    return GoldenVectors(images, labels, results["scores"], taps, "test", golden.score_map)


def compare(
    backend: CpuBackend, case: Case, images: ImageSet, layer_images: int = 4
) -> cppsim.Outcome:
    first = images.take(layer_images)
    vectors = golden_vectors(case.golden, first.images, first.labels)
    wanted = GoldenSession(case.golden).run(images.images)
    return cppsim.compare(backend, case.network, case.golden, vectors, images, wanted)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("bvgg16_tiny_pad0", marks=pytest.mark.slow),  # the end-to-end tests build it
        "bvgg16_tiny_padm1",
        "cnv_quarter",
    ],
)
def test_hardware_graph_equals_golden_in_every_layer(
    name: str, prepare: Callable[[str], Case], compile_library: Compile
) -> None:
    case = prepare(name)
    images = find_images(None, 100)
    for backend in backends(compile_library(case.program)):
        outcome = compare(backend, case, images, layer_images=37)
        assert outcome.bit_exact, outcome.difference
        assert outcome.images == 100
        assert outcome.layers == len(case.golden.taps) + 1
        assert outcome.accuracy is None  # photographs have no label


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnv", "bvgg16_w0.25_pad0", "bvgg16_tiny_padm1"])
def test_whole_test_set_equals_onnxruntime_in_every_score(
    name: str, prepare: Callable[[str], Case], compile_library: Compile
) -> None:
    if not (DATA_DIR / "test.npz").is_file():
        pytest.skip("CIFAR-10 is not there")
    case = prepare(name)
    images = load_cifar10(DATA_DIR, "test")
    wanted = cppsim.golden_scores(case.golden, images.images, 2, lambda *_: None)
    first = images.take(4)
    vectors = golden_vectors(case.golden, first.images, first.labels)
    for backend in backends(compile_library(case.program)):
        outcome = cppsim.compare(backend, case.network, case.golden, vectors, images, wanted)
        assert outcome.bit_exact, outcome.difference
        assert outcome.images == 10_000
        assert outcome.accuracy is not None
        assert outcome.accuracy > 0.25


def with_flipped_weights(program: Program, name: str) -> Program:
    layers = []
    for layer in program.layers:
        if layer.name == name:
            assert layer.weights is not None
            weights = layer.weights.copy()
            weights[0] = -weights[0]
            layer = replace(layer, weights=weights)
        layers.append(layer)
    return Program(tuple(layers))


def test_first_differing_layer_is_named(
    prepare: Callable[[str], Case], compile_library: Compile
) -> None:
    case = prepare("cnv_quarter")
    convolutions = [layer.name for layer in case.program.layers if layer.weights is not None]
    wrong = with_flipped_weights(case.program, convolutions[2])
    backend = CpuBackend(compile_library(wrong), "portable")
    outcome = compare(backend, case, find_images(None, 8))
    assert not outcome.bit_exact
    assert f"layer {convolutions[2]} (golden " in outcome.difference
    assert outcome.describe() == outcome.difference


def test_wrong_score_of_a_later_image_is_traced_to_its_layer(
    prepare: Callable[[str], Case], compile_library: Compile
) -> None:
    """The golden images agree; a later image is looked at again, layer by layer."""
    case = prepare("cnv_quarter")
    images = find_images(None, 8)
    name = [layer.name for layer in case.program.layers if layer.weights is not None][1]
    backend = CpuBackend(compile_library(with_flipped_weights(case.program, name)), "portable")
    wanted = GoldenSession(case.golden).run(images.images)
    scores, outputs = backend.run_with_layers(images.images[:2])
    names = cppsim.compared_layers(backend, case.network)
    blind = GoldenVectors(  # what the wrong model itself gives: nothing to see on these images
        images.images[:2],
        images.labels[:2],
        scores.astype(np.float32),
        [
            (tap.name, outputs[names[tap.name]].transpose(0, 3, 1, 2).reshape(2, *tap.shape))
            for tap in case.golden.taps
        ],
        "test",
        case.golden.score_map,
    )
    outcome = cppsim.compare(backend, case.network, case.golden, blind, images, wanted)
    assert f"layer {name} (golden " in outcome.difference
    assert "of 8 images have a score that differs" in outcome.difference


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 33, 100])
def test_scores_do_not_depend_on_threads_or_number_of_images(
    count: int, prepare: Callable[[str], Case], compile_library: Compile
) -> None:
    library = compile_library(prepare("cnv_quarter").program)
    images = find_images(None, 100).images
    wanted = CpuBackend(library, "portable", threads=1).run(images)[:count]
    for threads in (1, 2, 5):
        for backend in backends(library, threads):
            np.testing.assert_array_equal(backend.run(images[:count]), wanted)


def test_images_of_another_shape_or_type_are_refused(
    prepare: Callable[[str], Case], compile_library: Compile
) -> None:
    library = compile_library(prepare("cnv_quarter").program)
    backend = CpuBackend(library)
    with pytest.raises(ValueError, match=r"uint8 \(1, 8, 8, 3\); this network takes uint8 \(N, 32"):
        backend.run(np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="images are float32"):
        backend.run(np.zeros((1, 32, 32, 3), np.float32))
    with pytest.raises(ValueError, match="isa='neon': not known"):
        CpuBackend(library, "neon")


def test_confusion_counts_label_then_prediction_and_ties_go_to_the_lower_class(
    prepare: Callable[[str], Case], compile_library: Compile
) -> None:
    case = prepare("cnv_quarter")
    photographs = find_images(None, 20)
    scores = GoldenSession(case.golden).run(photographs.images)
    labels = scores.argmax(axis=1)
    labels[:5] = (labels[:5] + 1) % 10
    labels[5] = -1
    images = replace(photographs, labels=labels)
    backend = CpuBackend(compile_library(case.program))
    outcome = compare(backend, case, images)
    assert outcome.confusion is not None
    assert outcome.confusion.sum() == 19
    assert outcome.accuracy == pytest.approx(14 / 19)
    table = cppsim.confusion_table(outcome.confusion, images.class_names)
    assert len(table) == 11
    expected = np.zeros((10, 10), int)
    for label, predicted in zip(labels, scores.argmax(axis=1), strict=True):
        if label >= 0:
            expected[label, predicted] += 1
    np.testing.assert_array_equal(outcome.confusion, expected)


def test_golden_images_stand_in_where_there_is_no_test_set(
    prepare: Callable[[str], Case],
) -> None:
    images = find_images(None, 4)
    vectors = golden_vectors(prepare("cnv_quarter").golden, images.images, images.labels)
    chosen = cppsim.choose_images(None, None, vectors, RULE)
    assert len(chosen) == 4
    assert chosen.source.endswith("golden images")
    assert len(cppsim.choose_images(None, 3, vectors, RULE)) == 3
    with pytest.raises(UserError, match="5 images are asked for, there are 4"):
        cppsim.choose_images(None, 5, vectors, RULE)


def test_test_images_of_any_shape_are_compared_and_not_only_the_golden_ones(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / split / "dark").mkdir(parents=True)
        Image.fromarray(np.full((20, 30, 3), 7, np.uint8)).save(tmp_path / split / "dark" / "a.png")
    golden = np.zeros((4, 8, 12, 1), np.uint8)
    vectors = GoldenVectors(
        golden, np.full(4, -1), np.zeros((4, 2)), [], "crops", ScoreMap((1.0,) * 2, (0.0,) * 2)
    )
    chosen = cppsim.choose_images(tmp_path, None, vectors, picture_rule((8, 12, 1)))
    assert chosen.images.shape == (1, 8, 12, 1)
    assert (chosen.images == 7).all()
    assert chosen.source.startswith("images in")


def test_kept_scores_are_used_for_the_same_model_and_images_only(tmp_path: Path) -> None:
    model, kept = tmp_path / "golden.onnx", tmp_path / "scores.npz"
    model.write_bytes(b"model")
    images = np.zeros((2, 4, 4, 1), np.uint8)
    key = cppsim.scores_key(model, images)
    assert cppsim.load_scores(kept, key) is None
    cppsim.save_scores(kept, key, np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(cppsim.load_scores(kept, key), np.ones((2, 3)))
    other_images = images.copy()
    other_images[1, 3, 3, 0] = 1
    assert cppsim.load_scores(kept, cppsim.scores_key(model, other_images)) is None
    model.write_bytes(b"other")
    assert cppsim.load_scores(kept, cppsim.scores_key(model, images)) is None


def test_counted_bits_leave_padding_out_and_fill_words_up(
    prepare: Callable[[str], Case],
) -> None:
    program = prepare("bvgg16_tiny_padm1").program
    layer = next(layer for layer in program.layers if layer.kind == "conv_bits")
    height, width, channels = layer.in_shape
    assert (layer.kernel, layer.pad, channels) == ((3, 3), (1, 1), 8)
    taps = (3 * height - 2) * (3 * width - 2)  # one row or column of taps is outside at each edge
    assert layer.counted_bits == taps * 64 * 8
    assert layer.macs == height * width * 9 * 8 * 8
