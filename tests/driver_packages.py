"""A built project with its unzipped package, and scripts run in it, for the driver's tests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from nets import Net
from typer.testing import CliRunner

from flow.cli import app
from flow.deploy.pynq_environment import OLDER_PYNQ_VERSIONS, PYNQ_VERSION

GOLDEN_IMAGES = 10
PYNQ_VERSIONS = (
    # The newest and the oldest in every run, those between in the slow tier.
    PYNQ_VERSION,
    OLDER_PYNQ_VERSIONS[0],
    *(pytest.param(version, marks=pytest.mark.slow) for version in OLDER_PYNQ_VERSIONS[1:]),
)
SCRIPTS = Path(__file__).parent / "driver"


def fast_net(seed: int = 4) -> Net:
    """A network for 32 x 32 images that takes a pixel a cycle: thousands of frames in seconds."""
    net = Net(input_shape=(1, 3, 32, 32), seed=seed).image_quantiser()
    net.conv(3, 8, kernel=1).batch_norm(8, 100 / 128).bipolar()
    net.add("MaxPool", kernel_shape=[4, 4], strides=[4, 4])
    net.conv(8, 8, pad=1).batch_norm(8).bipolar()
    net.add("MaxPool", kernel_shape=[4, 4], strides=[4, 4])
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(32, 10)


class Packaged:
    """A built project and its unzipped package."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.builds = folder / "build"
        self.model = model
        self.build = self.builds / model.stem / "zcu104"
        self.dir = folder / "package"

    def flow(self, *options: str) -> str:
        """Run the flow on this project; return what it says, fail unless it succeeds."""
        named = ["--board", "ZCU104", "--model", str(self.model), "--build-dir", str(self.builds)]
        result = CliRunner().invoke(app, [options[0], *named, *options[1:]])
        assert result.exit_code == 0, result.output + result.stderr
        return result.output

    @property
    def archive(self) -> Path:
        return next(self.build.glob("*-package/*.zip"))


def run_script(pynq: tuple[str, ...], script: str, package: Path, *arguments: str) -> dict:
    """Run tests/driver/<script> in the package with pynq; return its last line, a JSON object."""
    argv = [*pynq, str(SCRIPTS / script), *arguments]
    done = subprocess.run(argv, cwd=package, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])
