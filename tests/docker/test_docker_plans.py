"""The container's plan, the image's context and tag, and every failure of Docker, without one."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from flow.cli import app
from flow.commands.docker import plan_build
from flow.commands.selection import BuildRequest
from flow.engine.runner import RunOptions
from flow.environment import read_environment
from flow.errors import ToolError, UserError
from flow.paths import repository_root
from flow.tools import docker
from flow.tools.docker import ContainerRun, Mount, plan_run

ROOT = repository_root()
USER = f"{os.getuid()}:{os.getgid()}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with something of everything the Dockerfile copies."""
    for name in docker.CONTEXT:
        path = tmp_path / name
        if "." in name or name == "LICENSE":
            path.write_text(name)
        else:
            path.mkdir()
            (path / "file.txt").write_text(name)
    (tmp_path / "docker/Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "flow/__pycache__").mkdir()
    (tmp_path / "flow/__pycache__/x.pyc").write_text("x")
    (tmp_path / "secret.txt").write_text("not part of the image")
    return tmp_path


def test_a_run_is_the_callers_user_in_the_callers_folders_without_network(tmp_path: Path) -> None:
    run = plan_run(("flow", "doctor"), [Mount(tmp_path, writable=True)], cwd=tmp_path)
    assert str(run) == (
        f"docker run --rm --init --user {USER} --network none --cap-drop ALL "
        f"--security-opt no-new-privileges --volume {tmp_path}:{tmp_path}:rw "
        f"--workdir {tmp_path} {docker.image_tag(ROOT)} flow doctor"
    )


def test_vendor_tools_are_mounted_read_only_and_licences_passed_on(tmp_path: Path) -> None:
    env = read_environment(
        {
            "XILINX_ROOT": "/tools/Xilinx",
            "XILINXD_LICENSE_FILE": "2100@server:/licences/xilinx.lic",
            "LM_LICENSE_FILE": "",
        }
    )
    run = plan_run(("flow",), [], cwd=tmp_path, vivado_version="2022.2", env=env, memory_gib=12)
    assert run.mounts == (Mount(Path("/licences/xilinx.lic")), Mount(Path("/tools/Xilinx")))
    assert run.env == {
        "XILINXD_LICENSE_FILE": "2100@server:/licences/xilinx.lic",
        "XILINX_ROOT": "/tools/Xilinx",
        "BNNFLOW_VIVADO_VERSION": "2022.2",
    }
    assert run.network == "host"
    assert "--volume /tools/Xilinx:/tools/Xilinx:ro" in str(run)
    assert "--memory 12g" in str(run)


def test_a_build_is_repeated_with_every_option_and_outside_files_are_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_text("net")
    (tmp_path / "data").mkdir()
    request = BuildRequest(
        board="zcu104",
        model=Path("net.onnx"),
        target_fps=500.0,
        data=Path("data"),
        assignments=["verify.images=2"],
        build_dir=Path("out"),
    )
    run = plan_build(request, RunOptions("fold", "rtlsim", True, True), as_json=True)
    assert run.command == (
        *("flow", "build", "--board", "ZCU104", "--model", f"{tmp_path}/net.onnx"),
        *("--target-fps", "500", "--data", f"{tmp_path}/data", "--set", "verify.images=2"),
        *("--build-dir", f"{tmp_path}/out", "--from", "fold", "--to", "rtlsim"),
        *("--force", "--verbose", "--json"),
    )
    assert run.cwd == tmp_path / "out"
    assert run.mounts == (
        Mount(tmp_path / "data"),
        Mount(tmp_path / "net.onnx"),
        Mount(tmp_path / "out", writable=True),
    )


def test_a_board_alone_needs_nothing_but_the_build_folder(tmp_path: Path) -> None:
    run = plan_build(BuildRequest(board="ZCU104", build_dir=tmp_path), RunOptions())
    assert run.mounts == (Mount(tmp_path, writable=True),)
    assert run.command == ("flow", "build", "--board", "ZCU104", "--build-dir", str(tmp_path))


def test_a_dry_run_prints_the_docker_call_and_needs_no_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    options = ("--docker", "--dry-run", "--board", "ZCU104", "--build-dir", str(tmp_path / "b"))
    result = CliRunner().invoke(app, ["build", *options])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"docker run --rm --init --user {USER}")
    assert not (tmp_path / "b").exists()


def test_finns_build_is_refused_in_a_container(tmp_path: Path) -> None:
    request = BuildRequest(board="ZCU104", build_dir=tmp_path, assignments=['impl="hls"'])
    with pytest.raises(UserError, match=r'impl = "hls": FINN fetches .* build without --docker'):
        plan_build(request, RunOptions())


def entrypoint(tmp_path: Path, udev: Path, **variables: str) -> dict[str, str]:
    """Return the environment in which docker/entrypoint.sh starts a command."""
    text = (ROOT / "docker" / "entrypoint.sh").read_text()
    assert "/lib/x86_64-linux-gnu/libudev.so.1" in text
    script = tmp_path / "entrypoint.sh"
    script.write_text(text.replace("/lib/x86_64-linux-gnu/libudev.so.1", str(udev)))
    done = subprocess.run(
        ["/bin/bash", str(script), "/usr/bin/env"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_vivado_gets_libudev_first(tmp_path: Path) -> None:
    """Without it the licence check aborts in a container: realloc(): invalid pointer."""
    (libraries,) = {path.resolve() for path in Path("/lib").glob("*-linux-gnu*/libc.so.6")} or {
        None
    }
    if libraries is None:
        pytest.skip("no shared library to stand in for libudev")
    found = entrypoint(tmp_path, libraries, XILINX_ROOT="/tools/Xilinx")
    assert found["LD_PRELOAD"] == str(libraries)
    more = entrypoint(tmp_path, libraries, XILINX_ROOT="/tools", LD_PRELOAD=str(libraries))
    assert more["LD_PRELOAD"] == f"{libraries}:{libraries}"
    assert "LD_PRELOAD" not in entrypoint(tmp_path, libraries)
    assert "LD_PRELOAD" not in entrypoint(tmp_path, tmp_path / "none", XILINX_ROOT="/tools")


def test_the_image_has_what_vivado_asks_for_by_name() -> None:
    recipe = (ROOT / "docker" / "Dockerfile").read_text()
    assert re.search(r"apt-get install .*\blibudev1 locales\b", recipe, re.DOTALL)
    assert "localedef -i en_US -f UTF-8 en_US.UTF-8" in recipe
    assert re.search(r"^ENV LANG=en_US.UTF-8 .*\n +LC_ALL=en_US.UTF-8 ", recipe, re.MULTILINE)


def test_the_context_holds_the_flow_and_nothing_else(checkout: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(docker.context_archive(checkout))) as archive:
        names = archive.getnames()
        assert {info.uid for info in archive} == {0}
    assert "docker/Dockerfile" in names
    assert "flow/file.txt" in names
    assert not [name for name in names if "secret" in name or name.endswith(".pyc")]


def test_the_tag_follows_the_content(checkout: Path) -> None:
    before = docker.image_tag(checkout)
    assert re.fullmatch(r"bnnflow:[0-9a-f]{12}", before)
    (checkout / "secret.txt").write_text("another")
    assert docker.image_tag(checkout) == before
    (checkout / "flow/file.txt").write_text("another")
    assert docker.image_tag(checkout) != before


def test_outside_a_checkout_there_is_nothing_to_build_from(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no checkout of bnnflow"):
        docker.image_tag(tmp_path)


def test_the_base_and_the_package_index_are_build_arguments() -> None:
    plain = docker.build_arguments(ROOT, read_environment({}))
    assert set(plain) == {"BASE", "UV_VERSION"}
    env = read_environment({"BNNFLOW_DOCKER_BASE": "mine:1", "UV_DEFAULT_INDEX": "https://index"})
    changed = docker.build_arguments(ROOT, env)
    assert changed == {**plain, "BASE": "mine:1", "UV_DEFAULT_INDEX": "https://index"}


def test_the_images_packages_are_pinned_as_the_project_pins_them() -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / "docker/constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    assert "torch" not in pins
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"]]
    wanted += project["tool"]["uv"].get("constraint-dependencies", [])
    for extra in project["tool"]["uv"].get("dependency-metadata", []):
        wanted += extra["requires-dist"]
    for requirement in map(Requirement, wanted):
        if requirement.name in pins:
            assert pins[requirement.name] in requirement.specifier, requirement
    names = {Requirement(line).name for line in project["project"]["dependencies"]}
    assert names <= set(pins), "renew docker/constraints.txt (its first lines say how)"


def test_no_vendor_file_host_or_local_path_is_in_the_images_recipe() -> None:
    recipe = "".join(path.read_text() for path in sorted((ROOT / "docker").iterdir()))
    assert not re.search(
        r"https?://|COPY.*(vivado|xilinx)|/work/|registry\.", recipe, re.IGNORECASE
    )
    assert "\nUSER flow\n" in recipe
    assert not (ROOT / "docker" / "__init__.py").exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("('Connection aborted.', PermissionError(13, 'Permission denied'))", "usermod -aG docker"),
        ("('Connection aborted.', FileNotFoundError(2, 'No such file'))", "systemctl start docker"),
        ("ConnectionRefusedError(111)", "no Docker daemon answers"),
        ("something else", "cannot be used: something else"),
    ],
)
def test_a_missing_daemon_or_permission_is_explained(error: str, told: str) -> None:
    assert told in docker.explain_connection(RuntimeError(error))


def test_without_the_sdk_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # The checkout's own folder docker/ is importable as an empty package.
    monkeypatch.setattr(docker.importlib, "import_module", lambda name: SimpleNamespace())
    with pytest.raises(UserError, match="uv sync --extra docker"):
        docker.connect()


def test_no_daemon_ends_the_build_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("docker.client", reason="the docker SDK is not installed")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    options = ("--docker", "--board", "ZCU104", "--build-dir", str(tmp_path))
    result = CliRunner().invoke(app, ["build", *options])
    assert result.exit_code == 1
    assert "no Docker daemon answers; start it" in result.stderr


def client_that_builds(events: list[dict[str, str]], there: bool = False) -> Any:
    images = SimpleNamespace(list=lambda name: ["image"] if there else [])
    api = SimpleNamespace(build=lambda **options: iter(events))
    return SimpleNamespace(images=images, api=api)


def test_an_image_that_is_there_is_not_built_again(checkout: Path, tmp_path: Path) -> None:
    client = client_that_builds([{"error": "must not build"}], there=True)
    tag = docker.ensure_image(client, checkout, tmp_path / "log", lambda text: None)
    assert tag == docker.image_tag(checkout)


def test_a_failed_image_build_shows_its_first_error_and_keeps_the_log(
    checkout: Path, tmp_path: Path
) -> None:
    (checkout / "docker/versions.env").write_text("BASE=debian\n")
    told: list[str] = []
    events = [
        {"stream": "Step 1/2 : FROM debian\n"},
        {"stream": "Reading package lists...\n"},
        {"stream": "\x1b[91merror: Failed to fetch: x\n\x1b[0m"},
        {"error": "The command '/bin/sh -c pip' returned a non-zero code: 2"},
    ]
    with pytest.raises(ToolError, match="error: Failed to fetch: x") as caught:
        docker.ensure_image(client_that_builds(events), checkout, tmp_path / "log", told.append)
    assert caught.value.exit_code == 1
    assert "Reading package lists" in (tmp_path / "log").read_text()
    assert told[-1] == "Step 1/2 : FROM debian"


class Container:
    """Ends after `chunks`; an exception among them is raised, as Ctrl-C would be."""

    def __init__(self, chunks: list[Any], status: int, oom: bool = False) -> None:
        self.chunks, self.status = chunks, status
        self.attrs = {"State": {"OOMKilled": oom}}
        self.signals: list[str] = []
        self.removed = False

    def attach(self, **options: Any) -> Any:
        return self

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self.chunks:
            raise StopIteration
        chunk = self.chunks.pop(0)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def start(self) -> None: ...

    def reload(self) -> None: ...

    def wait(self) -> dict[str, int]:
        return {"StatusCode": self.status}

    def kill(self, signal: str) -> None:
        self.signals.append(signal)

    def remove(self, force: bool) -> None:
        self.removed = force


def start(container: Container, memory_gib: float | None = None) -> tuple[int, dict[str, Any]]:
    options: dict[str, Any] = {}

    def create(image: str, command: list[str], **more: Any) -> Container:
        options.update(more, image=image, command=command)
        return container

    client = SimpleNamespace(
        containers=SimpleNamespace(create=create), info=lambda: {"MemTotal": 10 * 2**30}
    )
    run = ContainerRun("i", ("flow",), Path("/b"), "7:7", (Mount(Path("/b"), True),), {}, "none")
    run = ContainerRun(**{**vars(run), "memory_gib": memory_gib})
    return docker.run_in_container(client, run), options


def test_output_keeps_its_stream_and_the_status_is_the_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    container = Container([(b"out\n", None), (None, b"err\n")], 3)
    status, options = start(container)
    assert status == 3
    assert capsys.readouterr() == ("out\n", "err\n")
    assert options["user"] == "7:7"
    assert options["mem_limit"] == 8 * 2**30
    assert options["volumes"] == {"/b": {"bind": "/b", "mode": "rw"}}
    assert options["cap_drop"] == ["ALL"]
    assert container.removed


def test_ctrl_c_goes_to_the_command_a_second_one_kills_it() -> None:
    container = Container([KeyboardInterrupt(), (b"ending\n", None)], 130)
    assert start(container)[0] == 130
    assert container.signals == ["SIGINT"]
    again = Container([KeyboardInterrupt(), KeyboardInterrupt()], 130)
    start(again)
    assert again.signals == ["SIGINT", "SIGKILL"]
    assert again.removed


def test_too_little_memory_is_said_with_the_limit() -> None:
    container = Container([], 137, oom=True)
    with pytest.raises(ToolError, match=r"may use 2\.0 GiB; give more with --docker-memory"):
        start(container, memory_gib=2.0)
    assert container.removed
