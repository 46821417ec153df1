"""Packages of tiny accelerators, built once, and Pythons with pynq to run it in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import onnx
import pytest
from driver_packages import GOLDEN_IMAGES, Packaged, fast_net
from loadable_package import write_loadable_package
from made_once import made_once

from flow.deploy.pynq_environment import OLDER_PYNQ_VERSIONS, PYNQ_VERSION, check_pynq, pynq_python
from flow.deploy.verifier import unzip
from flow.errors import FlowError
from flow.stages.synthesize import Synthesize

MODEL = "tiny.onnx"


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Packaged:
    """A small network at a pixel a cycle, with simulator, unzipped in an empty directory."""
    folder = made_once(tmp_path_factory, "packaged", build_package)
    return Packaged(folder, folder / MODEL)


def build_package(folder: Path) -> None:
    onnx.save(fast_net().build(), str(folder / MODEL))
    project = Packaged(folder, folder / MODEL)
    settings = (f"verify.images={GOLDEN_IMAGES}", "package.simulator=true", "fifo.sizing=fixed")
    assigned = [part for setting in settings for part in ("--set", setting)]
    with pytest.MonkeyPatch.context() as patch:
        # A package does not depend on it, and it takes minutes.
        patch.setattr(Synthesize, "needs_tool", lambda stage: "left out of this test")
        project.flow("build", "--target-fps", "183000", *assigned)
    unzip(project.archive, project.dir)


@pytest.fixture(scope="session")
def loadable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of the loadable core, with simulator."""

    def build(folder: Path) -> None:
        (folder / "work").mkdir()
        write_loadable_package(folder / "package", folder / "work")

    return made_once(tmp_path_factory, "loadable", build) / "package"


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
