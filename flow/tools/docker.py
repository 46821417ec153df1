"""The flow in a container: the image, its build, one run; through the docker Python SDK.

The image holds the flow and no vendor file. A run works as the caller's own user in the caller's
folders, mounted under their own paths, so that results look as if the flow had run outside.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import re
import shlex
import sys
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flow.environment import Environment, read_environment
from flow.errors import FlowError, ToolError, UserError
from flow.paths import repository_root, shown

IMAGE_NAME = "bnnflow"
CONTEXT = (
    *("pyproject.toml", "README.md", "LICENSE", "docker"),
    *("flow", "driver", "board", "build_configs", "models"),
)
"""What the Dockerfile copies: all of the build context, and what the image's tag is taken over."""

MEMORY_SHARE = 0.8
"""Share of the daemon's memory a container gets if nothing else is said."""

_GIB = 2**30
_UNWANTED = ("__pycache__", ".pyc", ".git")
_KILLED_STATUS = 137


class DockerError(FlowError):
    """Docker itself is missing or refused; exit 1."""


@dataclass(frozen=True)
class Mount:
    """A folder or file of this machine, under the same path inside."""

    path: Path
    writable: bool = False


@dataclass(frozen=True)
class ContainerRun:
    """One command in a container."""

    image: str
    command: tuple[str, ...]
    cwd: Path
    user: str
    """Number of user and group ("1000:1000")."""
    mounts: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    network: str = "none"
    memory_gib: float | None = None
    """None: MEMORY_SHARE of what the daemon has."""

    def __str__(self) -> str:
        """Give the run as the line a shell accepts."""
        line = ["docker", "run", "--rm", "--init", "--user", self.user, "--network", self.network]
        line += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        if self.memory_gib is not None:
            line += ["--memory", f"{self.memory_gib:g}g"]
        for mount in self.mounts:
            mode = "rw" if mount.writable else "ro"
            line += ["--volume", f"{mount.path}:{mount.path}:{mode}"]
        for name in sorted(self.env):
            line += ["--env", f"{name}={self.env[name]}"]
        return shlex.join([*line, "--workdir", str(self.cwd), self.image, *self.command])


def plan_run(
    command: tuple[str, ...],
    folders: Iterable[Mount],
    *,
    cwd: Path,
    memory_gib: float | None = None,
    vivado_version: str | None = None,
    env: Environment | None = None,
) -> ContainerRun:
    """Plan `command` in the image of this checkout, with `folders` and the vendor's tools mounted.

    A licence server or a licence bound to this machine needs this machine's network; without a
    licence variable the container has none.
    """
    settings = env or read_environment()
    mounts = {mount.path: mount for mount in folders}
    variables = dict(settings.licence)
    for value in settings.licence.values():
        for part in value.split(os.pathsep):
            if Path(part).is_absolute():
                mounts.setdefault(Path(part), Mount(Path(part)))
    if settings.xilinx_root is not None:
        mounts.setdefault(settings.xilinx_root, Mount(settings.xilinx_root))
        variables["XILINX_ROOT"] = str(settings.xilinx_root)
        if vivado_version is not None:
            variables["BNNFLOW_VIVADO_VERSION"] = vivado_version
    return ContainerRun(
        image=image_tag(repository_root()),
        command=command,
        cwd=cwd,
        user=f"{os.getuid()}:{os.getgid()}",
        mounts=tuple(sorted(mounts.values(), key=lambda mount: mount.path)),
        env=variables,
        network="host" if settings.licence else "none",
        memory_gib=memory_gib,
    )


def image_tag(root: Path) -> str:
    """Return the tag of the image made from the checkout `root`: another content, another tag."""
    digest = hashlib.sha256()
    for path in _context_files(root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return f"{IMAGE_NAME}:{digest.hexdigest()[:12]}"


def build_arguments(root: Path, env: Environment) -> dict[str, str]:
    """Return the Dockerfile's arguments: docker/versions.env, and this machine's package index."""
    arguments = {}
    for line in (root / "docker" / "versions.env").read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            arguments[name] = value
    if env.docker_base is not None:
        arguments["BASE"] = env.docker_base
    return {**arguments, **env.package_index}


def connect() -> Any:
    """Return a client of the Docker daemon.

    Raises UserError if the SDK is missing, DockerError with the remedy if no daemon answers.
    """
    try:
        sdk = importlib.import_module("docker")
    except ImportError:
        sdk = None
    # The checkout's folder docker/ can pass for an empty package of that name.
    if sdk is None or not hasattr(sdk, "from_env"):
        raise UserError("--docker: the docker package is missing; run: uv sync --extra docker")
    try:
        client = sdk.from_env(timeout=60)
        client.ping()
    except Exception as error:  # the SDK lets errors of urllib3 and requests through
        raise DockerError(explain_connection(error)) from error
    # From here on silence is no sign of death: a build may say nothing for an hour.
    client.api.timeout = None
    return client


def explain_connection(error: BaseException) -> str:
    """Return what stands between this user and the Docker daemon, and what to do about it."""
    text = str(error)
    if "PermissionError" in text or "Permission denied" in text:
        return (
            "docker: this user may not talk to the Docker daemon; run: sudo usermod -aG docker "
            "$USER, then log in again (or use rootless Docker)"
        )
    if "FileNotFoundError" in text or "ConnectionRefused" in text or "refused" in text:
        return (
            "docker: no Docker daemon answers; start it (Linux: sudo systemctl start docker; macOS "
            "and Windows: Docker Desktop), or set DOCKER_HOST"
        )
    return f"docker: the Docker daemon cannot be used: {text}"


def ensure_image(
    client: Any, root: Path, log: Path, say: Callable[[str], None], env: Environment | None = None
) -> str:
    """Build the image of the checkout `root` if it is missing; return its tag.

    Everything the build prints goes to `log`, its steps to `say`. Raises ToolError with the first
    error line if it fails.
    """
    tag = image_tag(root)
    if client.images.list(name=tag):
        return tag
    say(f"building the image {tag} (once for this state of the flow; log: {shown(log)})")
    arguments = build_arguments(root, env or read_environment())
    events = client.api.build(
        fileobj=io.BytesIO(context_archive(root)),
        custom_context=True,
        dockerfile="docker/Dockerfile",
        tag=tag,
        buildargs=arguments,
        network_mode="host",
        rm=True,
        forcerm=True,
        decode=True,
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as sink:
        for event in events:
            text = str(event.get("stream") or event.get("error") or event.get("status") or "")
            sink.write(text if text.endswith("\n") else f"{text}\n")
            if text.startswith("Step "):
                say(text.strip().splitlines()[0][:100])
            if "error" in event:
                sink.flush()
                raise ToolError("docker build", ["docker", "build"], log, _first_error(log, text))
    return tag


def run_in_container(client: Any, run: ContainerRun) -> int:
    """Run a command, its output going to ours; return its exit status.

    Ctrl-C goes to the command, which then ends as it would outside; a second one kills it. The
    container is removed in any case. Raises ToolError if the memory was not enough.
    """
    memory = run.memory_gib or client.info()["MemTotal"] / _GIB * MEMORY_SHARE
    volumes = {
        str(mount.path): {"bind": str(mount.path), "mode": "rw" if mount.writable else "ro"}
        for mount in run.mounts
    }
    container = client.containers.create(
        run.image,
        list(run.command),
        user=run.user,
        working_dir=str(run.cwd),
        volumes=volumes,
        environment=dict(run.env),
        network_mode=run.network,
        mem_limit=int(memory * _GIB),
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        init=True,
        tty=sys.stdout.isatty(),
    )
    try:
        output = container.attach(stream=True, demux=True)
        container.start()
        _show_until_end(container, output)
        status = int(container.wait()["StatusCode"])
        container.reload()
        if container.attrs["State"]["OOMKilled"] or status == _KILLED_STATUS:
            raise ToolError(
                "docker",
                list(run.command),
                Path("build"),
                f"killed in the container, which may use {memory:.1f} GiB; give more with "
                "--docker-memory, or build something smaller",
            )
        return status
    finally:
        container.remove(force=True)


def context_archive(root: Path) -> bytes:
    """Return the build context as a tar file: only what CONTEXT names, owned by root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in _context_files(root):
            info = archive.gettarinfo(str(path), path.relative_to(root).as_posix())
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            # Readable whatever the caller's umask was; times would defeat Docker's layer cache.
            info.mode = 0o755 if info.mode & 0o100 else 0o644
            info.mtime = 0
            with path.open("rb") as stream:
                archive.addfile(info, stream)
    return buffer.getvalue()


def _context_files(root: Path) -> list[Path]:
    files = []
    for name in CONTEXT:
        path = root / name
        found = [path] if path.is_file() else path.rglob("*")
        files += [
            file
            for file in found
            if file.is_file() and not any(part.endswith(_UNWANTED) for part in file.parts)
        ]
    if root / "docker" / "Dockerfile" not in files:
        raise UserError(
            f"--docker: {shown(root)} is no checkout of bnnflow (docker/Dockerfile is missing); "
            "run it in a checkout, or set BNNFLOW_ROOT"
        )
    return sorted(files)


def _show_until_end(container: Any, output: Iterable[tuple[bytes | None, bytes | None]]) -> None:
    interrupts = 0
    chunks = iter(output)
    while True:
        try:
            out, err = next(chunks)
            for stream, data in ((sys.stdout, out), (sys.stderr, err)):
                if data:
                    stream.write(data.decode("utf-8", errors="replace"))
                    stream.flush()
        except StopIteration:
            return
        except KeyboardInterrupt:
            interrupts += 1
            container.kill(signal="SIGINT" if interrupts == 1 else "SIGKILL")


def _first_error(log: Path, told: str) -> str:
    """Return the first line of a build's log that looks like a cause, else Docker's own words."""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [re.sub(r"\x1b\[\d+m", "", line).strip() for line in text.splitlines()]
    for number, line in enumerate(lines):
        if line.lower().startswith(("error", "e: ")):
            # uv puts the cause on the lines below.
            return " ".join(lines[number : number + 3]) if ":" not in line else line
    return told.strip()
