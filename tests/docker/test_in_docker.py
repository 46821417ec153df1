"""The image is built and the flow runs in it. Needs a daemon: `pytest -m docker`.

BNNFLOW_DOCKER_BASE names a Debian base image where Docker's registry cannot be reached;
`.ci/docker` makes one with debootstrap.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flow.errors import FlowError, ToolError
from flow.paths import repository_root
from flow.tools import docker
from flow.tools.docker import ContainerRun, Mount

pytestmark = pytest.mark.docker

ROOT = repository_root()
MODEL = ROOT / "tests" / "data" / "cnv_quarter.onnx"
CALLER = 4321


@pytest.fixture(scope="module")
def client() -> Any:
    try:
        return docker.connect()
    except FlowError as error:
        pytest.skip(f"no Docker here: {error}")


@pytest.fixture(scope="module")
def image(client: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    started = time.monotonic()
    log = tmp_path_factory.mktemp("image") / "build.log"
    tag = docker.ensure_image(client, ROOT, log, print)
    size = client.images.get(tag).attrs["Size"] / 1e6
    print(f"image {tag}: {size:.0f} MB, {time.monotonic() - started:.0f} s")
    return tag


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a caller who is neither root nor the image's own user."""
    path = tmp_path / "build"
    path.mkdir()
    if os.getuid() == 0:
        os.chown(path, CALLER, CALLER)
    # pytest's folders are closed to others; the container's user has to pass through.
    for parent in path.parents:
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    return path


def plan(image: str, folder: Path, *command: str, **changes: Any) -> ContainerRun:
    number = CALLER if os.getuid() == 0 else os.getuid()
    mounts = (Mount(folder, writable=True), Mount(MODEL))
    run = ContainerRun(image, command, folder, f"{number}:{number}", mounts)
    return ContainerRun(**{**vars(run), **changes})


def test_the_flow_runs_to_rtlsim_and_its_files_belong_to_the_caller(
    client: Any, image: str, folder: Path
) -> None:
    options = (
        "--target-fps",
        "3000",
        "--set",
        "fifo.sizing=fixed",
        "--set",
        "verify.images=2",
        "--set",
        "cppsim.images=2",
    )
    command = ("flow", "build", "--board", "PYNQ-Z2", "--model", str(MODEL), *options)
    status = docker.run_in_container(
        client, plan(image, folder, *command, "--build-dir", str(folder), "--to", "rtlsim")
    )
    assert status == 0
    report = json.loads((folder / "cnv_quarter/pynq_z2/report.json").read_text())
    assert report["verify"]["rtlsim"]["bit_exact"] is True
    assert report["verify"]["rtlsim"]["images"] == 2
    wanted = CALLER if os.getuid() == 0 else os.getuid()
    owners = {path.stat().st_uid for path in folder.rglob("*")}
    assert owners == {wanted}


def test_the_image_has_its_own_user_and_nothing_of_the_vendor(client: Any, image: str) -> None:
    look = "id -u; find / -xdev -iname '*vivado*' -o -xdev -iname '*vitis*' -o -xdev -iname '*.lic'"
    told = client.containers.run(
        image, ["sh", "-c", f"({look}) 2>/dev/null || true"], remove=True, network_mode="none"
    )
    user, *found = told.decode().split()
    assert user == "1000"
    # Our own scripts and FINN's carry the name; a tool of the vendor's would be a program.
    inside = ("/opt/bnnflow/", "/proc/")
    assert [path for path in found if not path.startswith(inside)] == []
    assert not [path for path in found if path.endswith(("/bin/vivado", "/bin/vitis", ".lic"))]


def test_mounted_tools_are_found_and_cannot_be_written(
    client: Any, image: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = folder.parent / "xilinx"
    program = root / "Vivado/2022.2/bin/vivado"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'Vivado v2022.2 (64-bit)'\n")
    program.chmod(0o755)
    (root / "Vivado/2022.2/settings64.sh").write_text(f"export PATH={program.parent}:$PATH\n")
    env = {"XILINX_ROOT": str(root), "BNNFLOW_VIVADO_VERSION": "2022.2"}
    run = plan(image, folder, "sh", "-c", f"vivado -version; touch {root}/x", env=env)
    run = ContainerRun(**{**vars(run), "mounts": (*run.mounts, Mount(root))})
    assert docker.run_in_container(client, run) != 0
    out, err = capfd.readouterr()
    assert "Vivado v2022.2" in out
    assert "Read-only file system" in err


def test_more_memory_than_the_limit_is_refused_by_name(
    client: Any, image: str, folder: Path
) -> None:
    hungry = "data = bytearray(2 << 30); print(len(data))"
    run = plan(image, folder, "python", "-c", hungry, memory_gib=0.25)
    if "No swap limit support" in str(client.info().get("Warnings")):
        pytest.skip("this kernel cannot limit swap")
    with pytest.raises(ToolError, match=r"may use 0\.2 GiB; give more with --docker-memory"):
        docker.run_in_container(client, run)


def test_ctrl_c_ends_the_command_and_leaves_no_container(
    client: Any, image: str, folder: Path
) -> None:
    code = (
        "import signal, sys; from pathlib import Path; from flow.tools import docker\n"
        # A shell starts background jobs with SIGINT ignored; the tests may be one.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"run = docker.ContainerRun({image!r}, ('sh', '-c', 'echo up; exec sleep 600'), "
        f"Path('/'), '{CALLER}:{CALLER}')\n"
        "sys.exit(docker.run_in_container(docker.connect(), run))\n"
    )
    before = {container.id for container in client.containers.list(all=True)}
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=60) == 130
    assert {container.id for container in client.containers.list(all=True)} == before
