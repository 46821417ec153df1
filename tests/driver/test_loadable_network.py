"""A loadable network through the whole flow: its weights, then another's, on one simulator."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from driver_packages import GOLDEN_IMAGES, Packaged, fast_net
from nets import picture_rule

from driver.weight_image import read_weight_image
from flow.deploy.verifier import unzip
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.design import Design
from flow.stages.package import write_vectors
from flow.stages.synthesize import Synthesize

SETTINGS = (
    f"verify.images={GOLDEN_IMAGES}",
    "package.simulator=true",
    "fifo.sizing=fixed",
    "specialize.weights=loadable",
)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> tuple[Packaged, Packaged]:
    """A packaged loadable network, and another one of the same shapes as far as its RTL."""
    found = []
    assigned = [part for setting in SETTINGS for part in ("--set", setting)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Synthesize, "needs_tool", lambda stage: "left out of this test")
        for seed, options in ((4, ()), (5, ("--to", "generate_rtl"))):
            folder = tmp_path_factory.mktemp(f"network_{seed}")
            onnx.save(fast_net(seed).build(), str(folder / "tiny.onnx"))
            project = Packaged(folder, folder / "tiny.onnx")
            project.flow("build", "--target-fps", "50000", *assigned, *options)
            found.append(project)
    unzip(found[0].archive, found[0].dir)
    return found[0], found[1]


def rtl_of(project: Packaged) -> Path:
    return next(project.build.glob("*-generate_rtl")) / "rtl"


def design_of(project: Packaged) -> Design:
    return Design.load(next(project.build.glob("*-generate_rtl")) / "design.json")


def infer(pynq: tuple[str, ...], package: Path, *arguments: str) -> dict:
    argv = [*pynq, "driver/infer.py", "--backend", "sim", "--json", *arguments]
    done = subprocess.run(argv, cwd=package, capture_output=True, text=True, timeout=900)
    assert done.stdout, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_identity_is_of_the_sources_and_the_weights_have_their_own(
    projects: tuple[Packaged, Packaged],
) -> None:
    first, second = projects
    assert design_of(first).identity == design_of(second).identity
    images = [read_weight_image(rtl_of(project) / "weights.bin") for project in projects]
    assert images[0].sha256 != images[1].sha256
    assert images[0].words == images[1].words == design_of(first).load_words
    manifest = json.loads((first.dir / "manifest.json").read_text())
    assert manifest["weights"] == {
        "loadable": True,
        "file": "weights.bin",
        "sha256": images[0].sha256,
        "words": images[0].words,
    }
    assert (first.dir / "weights.bin").read_bytes() == images[0].data
    assert not list(first.dir.glob("sim/*weights*.mem"))


@pytest.mark.slow
def test_scores_are_those_of_the_weights_that_were_loaded(
    projects: tuple[Packaged, Packaged], pynq: tuple[str, ...], tmp_path: Path
) -> None:
    first, second = projects
    own = infer(pynq, first.dir, "--check")
    assert own["exit_status"] == 0, own
    assert own["check"]["images"] == GOLDEN_IMAGES
    vectors = GoldenVectors.load(next(second.build.glob("*-golden/golden.npz")))
    rule = picture_rule(vectors.images.shape[1:])
    write_vectors(vectors, rule, tmp_path / "other.npz")
    with np.load(str(first.dir / "golden.npz")) as golden:
        assert (golden["scores"] != vectors.scores).any(axis=1).sum() > GOLDEN_IMAGES // 2
    weights = ("--weights", str(rtl_of(second) / "weights.bin"))
    swapped = infer(pynq, first.dir, *weights, "--golden", str(tmp_path / "other.npz"), "--check")
    assert swapped["exit_status"] == 0, swapped
    assert swapped["weights"] != own["weights"]
    wrong = infer(pynq, first.dir, *weights, "--golden", "golden.npz", "--check")
    assert wrong["exit_status"] == 3, wrong
    assert "not equal to the golden vectors" in wrong["error"]
