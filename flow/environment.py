"""The only place that reads environment variables, and what is installed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

LICENCE_VARIABLES = ("XILINXD_LICENSE_FILE", "LM_LICENSE_FILE")
PACKAGE_INDEX_VARIABLES = (
    *("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "no_proxy"),
)


@dataclass(frozen=True)
class Environment:
    """What the environment says; None or False where a variable is unset or empty."""

    root: Path | None
    """BNNFLOW_ROOT: the folder that holds board/ and build_configs/."""
    data_dir: Path | None
    """BNNFLOW_DATA: default of --data."""
    xilinx_vivado: Path | None
    """XILINX_VIVADO: Vivado's installation folder, set by its settings64.sh."""
    xilinx_root: Path | None
    """XILINX_ROOT: folder that holds Vivado/<version>, Vitis/<version>, Vitis_HLS/<version>."""
    licence: Mapping[str, str]
    """XILINXD_LICENSE_FILE and LM_LICENSE_FILE, those that are set."""
    xilinx_hls: Path | None
    """XILINX_HLS: Vitis HLS, or Vitis itself, whose include/ holds the headers of FINN's cppsim."""
    docker_base: str | None
    """BNNFLOW_DOCKER_BASE: image to build on instead of the one in docker/versions.env."""
    package_index: Mapping[str, str]
    """Package index and proxy variables that are set: the image's build needs them too."""
    no_color: bool
    """NO_COLOR (https://no-color.org) set to anything: plain lines, no live display."""
    dumb_terminal: bool
    """TERM=dumb."""


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Return the settings found in `variables` (default: this process's environment)."""
    env = os.environ if variables is None else variables

    def path(name: str) -> Path | None:
        value = env.get(name, "")
        return Path(value).expanduser() if value else None

    return Environment(
        root=path("BNNFLOW_ROOT"),
        data_dir=path("BNNFLOW_DATA"),
        xilinx_vivado=path("XILINX_VIVADO"),
        xilinx_root=path("XILINX_ROOT"),
        licence={name: env[name] for name in LICENCE_VARIABLES if env.get(name)},
        xilinx_hls=path("XILINX_HLS"),
        docker_base=env.get("BNNFLOW_DOCKER_BASE") or None,
        package_index={name: env[name] for name in PACKAGE_INDEX_VARIABLES if env.get(name)},
        no_color=bool(env.get("NO_COLOR", "")),
        dumb_terminal=env.get("TERM", "") == "dumb",
    )


def subprocess_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with `extra` set, to start a tool in."""
    return {**os.environ, **(extra or {})}


def package_version(name: str) -> str:
    """Return the installed version of a distribution, or "not installed"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
