"""A network of values on the simulated board: floats in a file, codes on the DMA, right scores."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from driver_packages import Packaged
from made_once import made_once
from nets import Net

from flow.deploy.verifier import unzip
from flow.frontend.golden import GoldenSession, lower_to_plain_onnx
from flow.stages.synthesize import Synthesize

FEATURES, INPUTS = 20, 40


def value_net() -> onnx.ModelProto:
    """MFCC-like features of different sizes, normalised in the file; codes of 3 bits."""
    rng = np.random.default_rng(3)
    net = Net((1, FEATURES), seed=5)
    net.add("Sub", net.const(rng.uniform(-88, 25, (1, FEATURES))))
    net.add("Div", net.const(rng.uniform(2, 40, (1, FEATURES)))).quant(3, 0.5)
    return net.matmul(FEATURES, 16, bits=3).batch_norm(16, 9.0).quant(3, 1.0).matmul(16, 10).build()


def values() -> np.ndarray:
    return np.random.default_rng(4).uniform(-100, 60, (INPUTS, FEATURES)).astype(np.float32)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Packaged:
    def build(folder: Path) -> None:
        onnx.save(value_net(), str(folder / "values.onnx"))
        np.savez(folder / "values.npz", inputs=values(), labels=np.arange(INPUTS) % 10)
        project = Packaged(folder, folder / "values.onnx")
        settings = ("--set", "package.simulator=true", "--set", "fifo.sizing=fixed")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Synthesize, "needs_tool", lambda stage: "left out of this test")
            project.flow("build", "--data", str(folder / "values.npz"), *settings)
        unzip(project.archive, project.dir)

    folder = made_once(tmp_path_factory, "values", build)
    return Packaged(folder, folder / "values.onnx")


def test_floats_are_classified_on_the_simulated_board_as_golden_does(
    package: Packaged, pynq: tuple[str, ...], tmp_path: Path
) -> None:
    golden = lower_to_plain_onnx(onnx.load(str(package.model)))
    scores = GoldenSession(golden).run(golden.input.integers(values(), "here"))
    np.save(tmp_path / "x.npy", values()[:7])
    argv = [*pynq, "driver/infer.py", "--backend", "sim", "--json", "--top", "10", "--check"]
    done = subprocess.run(
        [*argv, "--input", str(tmp_path / "x.npy")], cwd=package.dir, capture_output=True, text=True
    )
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert said["exit_status"] == 0, said
    assert said["check"]["bit_exact"] is True
    for row, image in zip(scores[:7], said["images"], strict=True):
        found = {int(top["class"].split()[-1]): top["score"] for top in image["top"]}
        assert [found[k] for k in range(10)] == row.tolist()


def test_package_carries_the_rule_and_the_values_that_were_checked(package: Packaged) -> None:
    entry = json.loads((package.dir / "manifest.json").read_text())["input"]
    assert (entry["kind"], entry["dtype"], entry["low"], entry["high"]) == ("codes", "int8", -4, 3)
    assert entry["file_shape"] == [FEATURES]
    with np.load(package.dir / entry["steps"]) as steps:
        assert steps["steps"].shape == (FEATURES, 7)
    with np.load(package.dir / "golden.npz") as golden:
        assert golden["inputs"].dtype == np.float32
        assert (golden["inputs"][:, None] == values()[None]).all(axis=2).any(axis=1).all()
    record = json.loads(next(package.build.glob("*-golden/stage.json")).read_text())
    assert record["metrics"]["input_codes"] == {"data": 8, "checked": 8, "possible": 8}


def test_changed_steps_are_found(package: Packaged, pynq: tuple[str, ...], tmp_path: Path) -> None:
    """A driver that made other codes would not pass the check of the golden vectors."""
    other = tmp_path / "package"
    shutil.copytree(package.dir, other)
    with np.load(other / "input_steps.npz") as found:
        steps, falling = found["steps"] + np.float32(3.0), found["falling"]
    np.savez(other / "input_steps.npz", steps=steps, falling=falling)
    argv = [*pynq, "driver/infer.py", "--backend", "sim", "--json", "--check"]
    done = subprocess.run(argv, cwd=other, capture_output=True, text=True)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert said["exit_status"] == 3
    assert "its inputs do not give its codes" in said["error"]
