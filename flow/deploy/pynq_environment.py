"""A Python with pynq, which wants NumPy 1 and therefore never lives in the flow's environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from flow.errors import ToolError, UserError

PYNQ_VERSION = "4.0.0"
"""What `flow verify --driver` runs on."""

OLDER_PYNQ_VERSIONS = ("2.7.0", "3.0.1", "3.1.2")
"""What images of the boards carry, the oldest supported first; tested too."""

_FIRST_USE_TIMEOUT_S = 900.0


def pynq_python(version: str = PYNQ_VERSION) -> tuple[str, ...]:
    """Return the command that runs Python with pynq, NumPy 1 and Pillow, nothing else.

    pynq 2 and 3 cannot be imported with pycparser 3, which removed a module, nor pynq 2 with a
    setuptools that lacks pkg_resources: hence the limits there.

    Raises UserError where there is no uv.
    """
    uv = shutil.which("uv")
    if uv is None:
        raise UserError(
            "driver: uv was not found on PATH; it makes the environment of pynq (which wants "
            "numpy<2, unlike the flow); install it: pip install uv"
        )
    packages = [f"pynq=={version}", "numpy<2", "pillow"]
    if version.startswith(("2.", "3.")):
        packages.append("pycparser<2.23")
    if version.startswith("2."):
        packages.append("setuptools<80")
    # Named by version, not by the path of this environment: uv would take that over otherwise.
    options = ["run", "--quiet", "--isolated", "--no-project", "--no-config", "--python", "3.11"]
    for package in packages:
        options += ["--with", package]
    return (uv, *options, "python")


def check_pynq(command: tuple[str, ...], log: Path) -> None:
    """Check that pynq's DMA class can be imported; the first time it is downloaded for that.

    Raises ToolError with the first reason if it cannot.
    """
    argv = [*command, "-c", "import pynq.lib.dma"]
    done = subprocess.run(
        argv,
        cwd=log.parent,
        capture_output=True,
        text=True,
        timeout=_FIRST_USE_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise ToolError("driver", argv, log, lines[-1].strip() if lines else "no reason given")
