"""A package of a tiny network, built once, and Pythons with pynq to run it in."""

from __future__ import annotations

import subprocess

import onnx
import pytest
from driver_packages import GOLDEN_IMAGES, Packaged, fast_net

from flow.deploy.pynq_environment import OLDER_PYNQ_VERSIONS, PYNQ_VERSION, check_pynq, pynq_python
from flow.deploy.verifier import unzip
from flow.errors import FlowError
from flow.stages.synthesize import Synthesize


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Packaged:
    """A small network at a pixel a cycle, with simulator, unzipped in an empty directory."""
    folder = tmp_path_factory.mktemp("packaged")
    onnx.save(fast_net().build(), str(folder / "tiny.onnx"))
    project = Packaged(folder, folder / "tiny.onnx")
    settings = (f"verify.images={GOLDEN_IMAGES}", "package.simulator=true", "fifo.sizing=fixed")
    assigned = [part for setting in settings for part in ("--set", setting)]
    with pytest.MonkeyPatch.context() as patch:
        # A package does not depend on it, and it takes minutes.
        patch.setattr(Synthesize, "needs_tool", lambda stage: "left out of this test")
        project.flow("build", "--target-fps", "183000", *assigned)
    unzip(project.archive, project.dir)
    return project


@pytest.fixture(
    scope="session",
    params=[PYNQ_VERSION, *(pytest.param(v, marks=pytest.mark.slow) for v in OLDER_PYNQ_VERSIONS)],
)
def pynq(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """The command of a Python with the real pynq; skipped where it cannot be had."""
    try:
        command = pynq_python(request.param)
        check_pynq(command, tmp_path_factory.mktemp("pynq") / "log")
    except (FlowError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"pynq {request.param} cannot be had: {str(error).splitlines()[0]}")
    return command
