"""Checks that can be repeated on a built design, by name."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flow.engine.fingerprint import hash_path
from flow.engine.state import Build
from flow.errors import CheckFailed, UserError
from flow.paths import shown

CHECKS = ("python", "cppsim", "rtlsim", "driver", "netlist")
"""Every check the command line knows, in the order they run."""

VERIFIERS: dict[str, str] = {
    "python": "flow.check.python_verifier:PythonVerifier",
    "cppsim": "flow.check.cppsim_verifier:CppsimVerifier",
    "rtlsim": "flow.check.rtlsim_verifier:RtlsimVerifier",
    "driver": "flow.deploy.verifier:DriverVerifier",
    "netlist": "flow.check.netlist.verifier:NetlistVerifier",
}
"""Check -> "module:Class" of its Verifier, imported only when it runs."""

ONLY_NAMED = ("netlist",)
"""Checks that run only if they are asked for: what `netlist_sim` makes is made only on request."""


@dataclass(frozen=True)
class VerifyOptions:
    """How to check."""

    images: int | None = None
    """Number of images; None: as configured."""
    hash_check: bool = True
    """Refuse a design whose files are not those the flow wrote."""


@dataclass(frozen=True)
class VerifyResult:
    """What a check compared and found."""

    line: str
    """One line: what was compared with what, on how many images, and the outcome."""
    ok: bool
    report: Mapping[str, Any] = field(default_factory=dict)
    """Part of report.json, merged into it also if the check failed."""


class Verifier(ABC):
    """One check of a built design; it only reads the build's folder."""

    id: ClassVar[str]

    @abstractmethod
    def run(self, build: Build, options: VerifyOptions) -> VerifyResult:
        """Compare, and return what was found.

        Raises UserError if what it needs has not been built, ToolError if a tool failed.
        """


def load_verifier(check: str) -> Verifier:
    """Return the verifier of a check.

    Raises UserError if this version has none.
    """
    if check not in VERIFIERS:
        available = ", ".join(name for name in CHECKS if name in VERIFIERS) or "none"
        raise UserError(
            f"verify: --{check} is not available in this version; available: {available}"
        )
    module, _, name = VERIFIERS[check].partition(":")
    verifier: Verifier = getattr(importlib.import_module(module), name)()
    return verifier


def golden_images(asked: int | None, available: int, default: int) -> int:
    """Return how many golden images to compare: those asked for, else `default`.

    Raises UserError if the build has fewer.
    """
    if asked is None:
        return default
    if asked > available:
        raise UserError(
            f"verify: {asked} images are asked for, the build has {available}; "
            f"build with --set verify.images={asked}"
        )
    return asked


def check_untouched(build: Build) -> None:
    """Check that every file of the design is as its stage left it.

    Raises CheckFailed naming the first that is not; UserError if nothing has been built.
    """
    records = {stage.id: build.record(stage.id) for stage in build.pipeline.stages}
    if not any(records.values()):
        raise UserError(
            f"{shown(build.dir)}: nothing has been built here; run: flow build {build.asked}"
        )
    for stage_id, record in records.items():
        for name, expected in record.outputs.items() if record is not None else ():
            path = build.stage_dir(stage_id) / name
            found = hash_path(path)
            if found != expected:
                state = "was changed outside the flow" if found else "is missing"
                raise CheckFailed(
                    f"verify: {shown(path)} {state}; run flow build again, or check it as it is "
                    "with --no-hash-check"
                )
