"""`flow build --docker`: the same build, in a container."""

from __future__ import annotations

from pathlib import Path

import typer

from flow.commands.selection import BuildRequest, data_folder, select_target
from flow.config import find_config, require_model
from flow.engine.runner import RunOptions
from flow.errors import UserError
from flow.paths import configs_dir, repository_root
from flow.tools import docker, vivado


def build_in_docker(
    request: BuildRequest,
    options: RunOptions,
    *,
    memory_gib: float | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run the build in a container of this checkout's image; return its exit status.

    A dry run prints the container's command line and starts nothing.
    """
    require_model(select_target(request).config)
    run = plan_build(request, options, memory_gib=memory_gib, quiet=quiet, as_json=as_json)
    if dry_run:
        typer.echo(str(run))
        return 0
    client = docker.connect()
    request.build_dir.mkdir(parents=True, exist_ok=True)

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    docker.ensure_image(client, repository_root(), request.build_dir / "docker-build.log", say)
    return docker.run_in_container(client, run)


def plan_build(
    request: BuildRequest,
    options: RunOptions,
    *,
    memory_gib: float | None = None,
    quiet: bool = False,
    as_json: bool = False,
) -> docker.ContainerRun:
    """Return the run that repeats a `flow build` call in a container.

    Raises UserError for FINN's build, which needs git and the network.
    """
    target = select_target(request)
    if target.config.impl == "hls":
        raise UserError(
            'impl = "hls": FINN fetches its dependencies with git from the network, and the '
            "container has neither; build without --docker, where finn, Vitis HLS and Vivado are "
            "on PATH"
        )
    command = ["flow", "build", "--board", target.board.name]
    folders = [docker.Mount(request.build_dir.absolute(), writable=True)]
    if request.config is not None:
        config = find_config(request.config).absolute()
        if config.parent == configs_dir().absolute():
            command += ["--config", config.stem]  # part of the image
        else:
            command += ["--config", str(config)]
            folders.append(docker.Mount(config))
    source = target.config.model.source.absolute()
    if not source.is_relative_to(repository_root() / "models"):
        folders.append(docker.Mount(source))
        if request.model is None:
            command += ["--set", f"model.source={source}"]
    if request.model is not None:
        command += ["--model", str(source)]
    if target.config.vivado.board_files is not None:
        folders.append(docker.Mount(target.config.vivado.board_files.absolute()))
    if request.target_fps is not None:
        command += ["--target-fps", f"{request.target_fps:g}"]
    data = data_folder(request.data)
    if data is not None:
        command += ["--data", str(data.absolute())]
        folders.append(docker.Mount(data.absolute()))
    for assignment in request.assignments:
        command += ["--set", assignment]
    command += ["--build-dir", str(request.build_dir.absolute())]
    for option, value in (("--from", options.first), ("--to", options.last)):
        command += [option, value] if value is not None else []
    flags = {"--force": options.force, "--verbose": options.verbose, "--quiet": quiet}
    command += [name for name, wanted in {**flags, "--json": as_json}.items() if wanted]
    return docker.plan_run(
        tuple(command),
        folders,
        cwd=request.build_dir.absolute(),
        memory_gib=memory_gib,
        vivado_version=target.config.vivado.version or _newest_vivado(),
    )


def _newest_vivado() -> str | None:
    """Return the version of the Vivado that the container would find below XILINX_ROOT."""
    try:
        program = vivado.Vivado.locate().program
    except UserError:
        return None
    return _version_in(program)


def _version_in(program: Path) -> str | None:
    """Return the part of an installation's path that is a version ("2022.2")."""
    found = [part for part in program.parts if part[:2] == "20" and part.count(".") == 1]
    return found[-1] if found else None
