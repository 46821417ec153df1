"""The networks that come with the repository are what their records say."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from flow.data.cifar10 import load_cifar10
from flow.data.datasets import find_images
from flow.environment import read_environment

ROOT = Path(__file__).resolve().parents[2]
TEST_NETWORKS = sorted((ROOT / "tests" / "data").glob("*.onnx"))
SHIPPED = sorted((ROOT / "models").glob("*.onnx"))
DATA_DIR = read_environment().data_dir  # read here: tests themselves see a clean environment


def record_of(path: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads(path.with_suffix(".json").read_text())
    return content


@pytest.mark.parametrize("path", SHIPPED + TEST_NETWORKS, ids=lambda path: path.stem)
def test_file_has_the_hash_and_size_of_its_record(path: Path) -> None:
    record = record_of(path)
    assert record["name"] == path.stem
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["bytes"] == path.stat().st_size <= 8_000_000


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_network_was_trained_by_the_recipe_beside_it(path: Path) -> None:
    trained_by = record_of(path)["recipe"]
    assert isinstance(trained_by, dict)
    recipe = tomllib.loads(path.with_suffix(".toml").read_text())
    for section in (*[v for v in recipe.values() if isinstance(v, dict)], recipe):
        # The record writes defaults out, so it may say more than the file.
        found = trained_by["model"] if section is recipe.get("model") else trained_by
        plain = {key: value for key, value in section.items() if not isinstance(value, dict)}
        assert {key: found[key] for key in plain} == plain


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_record_claims_a_test_accuracy_only_of_a_complete_training(path: Path) -> None:
    record = record_of(path)
    accuracy, compared, recipe = record["accuracy"], record["bit_exact"], record["recipe"]
    assert isinstance(accuracy, dict)
    assert isinstance(compared, dict)
    assert isinstance(recipe, dict)
    assert record["source"] == "CIFAR-10 (JPEG copy)"
    if record["status"] == "complete":
        assert record["epochs_trained"] == recipe["epochs"]
        assert accuracy["test"] > 0.6
        assert (compared["split"], compared["images"]) == ("test", 10_000)
    else:
        assert record["status"] == "interim"
        assert accuracy["test"] is None
        assert accuracy["validation"] > 0.4


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_network_reaches_the_accuracy_of_its_record(path: Path) -> None:
    """Runs qonnx on the 10,000 test images; about a minute on one core."""
    if DATA_DIR is None:
        pytest.skip("BNNFLOW_DATA is not set: no CIFAR-10 to measure on")
    data, record = load_cifar10(DATA_DIR, "test"), record_of(path)
    if record["status"] != "complete" or data.source != record["source"]:
        pytest.skip(f"the record is {record['status']}, of {record['source']}; found {data.source}")
    from flow.models.export import run_qonnx

    pixels = data.images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    accuracy = record["accuracy"]
    assert isinstance(accuracy, dict)
    assert (run_qonnx(path, pixels).argmax(1) == data.labels).mean() == accuracy["test"]


@pytest.mark.parametrize("path", SHIPPED + TEST_NETWORKS, ids=lambda path: path.stem)
def test_no_layer_of_the_network_is_constant_over_real_images(path: Path) -> None:
    graph = ModelWrapper(str(path))
    activations = [
        node.output[0]
        for node in graph.graph.node
        if node.op_type == "BipolarQuant" and graph.get_initializer(node.input[0]) is None
    ]
    assert len(activations) in (8, 14)
    values: dict[str, list[np.ndarray]] = {name: [] for name in activations}
    for image in find_images(None, 8).images:
        pixels = image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
        context = execute_onnx(graph, {"pixels": pixels}, return_full_exec_context=True)
        for name in activations:
            # (1, C, H, W) or (1, C) to (C, H * W)
            values[name].append(context[name].reshape(context[name].shape[1], -1))
    for name, parts in values.items():
        joined = np.concatenate(parts, axis=1)
        constant = (joined.min(axis=1) == joined.max(axis=1)).mean()
        assert constant < 0.5, f"{name}: {constant:.0%} of the channels never change"
