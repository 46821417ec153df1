"""Compile a network to one shared library with the system's g++."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flow.check.cpp.generate import BLOB_FILE, SOURCE_DIR, Generated, generate, map_table
from flow.errors import UserError
from flow.tools.process import Plan, execute

if TYPE_CHECKING:
    from flow.check.cpp.steps import Program

COMPILER = "g++"
GENERATED_FILE = "network.cpp"
LIBRARY_FILE = "cppsim.so"

_COMMON = ("plan.cpp", "runtime.cpp", "portable.cpp")
_X86: dict[str, tuple[str, ...]] = {
    "avx2.cpp": ("-mavx2",),
    "avx512.cpp": (
        "-mavx512f",
        "-mavx512bw",
        "-mavx512vl",
        "-mavx512vnni",
        "-mavx512vpopcntdq",
        "-mprefer-vector-width=512",
    ),
}
_FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror")
_LINK = ("-shared", "-pthread")
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Compiled:
    """A compiled network."""

    path: Path
    seconds: float
    """Time of the compilation; 0 where the library was there already."""
    identity: str


def missing_compiler() -> str | None:
    """Return why nothing can be compiled here, or None."""
    return None if shutil.which(COMPILER) else f"{COMPILER} is not on PATH"


def plan_kernels(folder: Path, *, machine: str, flags: Sequence[str] = ()) -> list[Plan]:
    """Return the calls that compile what all networks share; `machine` is what uname -m says.

    Sources for the instruction sets of other machines are left out.
    """
    sources = dict.fromkeys(_COMMON, ()) | (_X86 if machine in ("x86_64", "AMD64") else {})
    calls = [
        _compile(SOURCE_DIR / name, folder, (*flags, *extra)) for name, extra in sources.items()
    ]
    return [replace(call, files={folder / "maps.inc": map_table()}) for call in calls]


def plan_network(
    generated: Generated, folder: Path, kernels: Sequence[Path], *, flags: Sequence[str] = ()
) -> list[Plan]:
    """Return the calls that make LIBRARY_FILE in `folder`, where the blob lies as BLOB_FILE."""
    source = folder / GENERATED_FILE
    call = _compile(source, folder, flags)
    objects = [*map(str, kernels), f"{source.stem}.o"]
    return [
        Plan(call.argv, folder, {source: generated.source}),
        Plan((COMPILER, *flags, *_LINK, *objects, "-o", LIBRARY_FILE), folder),
    ]


def _compile(source: Path, folder: Path, flags: Sequence[str]) -> Plan:
    argv = (COMPILER, *_FLAGS, *flags, f"-I{SOURCE_DIR}", "-I.", "-c", str(source))
    return Plan((*argv, "-o", f"{source.stem}.o"), folder)


def compile_program(program: Program, folder: Path, *, flags: Sequence[str] = ()) -> Compiled:
    """Compile `program` and return the library, `folder`/<hash>/cppsim.so.

    The hash covers the layers, the weights, sources, flags, compiler and machine: where
    that library is there already, nothing is compiled. The kernels are the same for all networks
    and stand already after the first. Raises UserError without g++, ToolError with the first line
    the compiler complains about.
    """
    reason = missing_compiler()
    if reason:
        raise UserError(f"cppsim: {reason}; install it (Debian: g++, Fedora: gcc-c++)")
    folder = folder.resolve()  # the compiler runs elsewhere
    generated = generate(program)
    key = _hash((_kernels_key(flags), generated.source, generated.identity))
    library = folder / key / LIBRARY_FILE
    if library.is_file():
        return Compiled(library, 0.0, generated.identity)
    objects, seconds = compiled_kernels(flags)
    work = _fresh(folder / f"{key}.{os.getpid()}")
    (work / BLOB_FILE).write_bytes(generated.blob)
    seconds += _execute(plan_network(generated, work, objects, flags=flags), work)
    _keep(work, library.parent)
    return Compiled(library, seconds, generated.identity)


def compiled_kernels(flags: Sequence[str] = ()) -> tuple[list[Path], float]:
    """Return the kernels' objects and the seconds that their compilation took: 0 where they stood.

    They are kept below the user's home, by a hash of sources, flags, compiler and machine, and may
    be deleted at any time. Raises ToolError as `compile_program` does.
    """
    kept = Path.home() / ".cache" / "bnnflow" / "cppsim" / _kernels_key(flags)
    seconds = 0.0
    if not kept.is_dir():
        work = _fresh(kept.with_suffix(f".{os.getpid()}"))
        calls = plan_kernels(work, machine=platform.machine(), flags=flags)
        seconds = _execute(calls, work)
        _keep(work, kept)
    return sorted(kept.glob("*.o")), seconds


def _kernels_key(flags: Sequence[str]) -> str:
    told = subprocess.run(
        [COMPILER, "--version"], capture_output=True, text=True, timeout=60, check=False
    ).stdout
    return _hash((platform.machine(), told, *_FLAGS, *flags, *_kernel_sources()))


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _keep(work: Path, target: Path) -> None:
    """Move a finished folder to its place; another process may have been faster."""
    try:
        os.replace(work, target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(work)


def _execute(plans: Sequence[Plan], folder: Path) -> float:
    """Run the calls and return the seconds they took."""
    return sum(
        execute(plan, log=folder / f"compile_{k}.log", timeout_s=_TIMEOUT_S).seconds
        for k, plan in enumerate(plans)
    )


def _kernel_sources() -> list[str]:
    paths = sorted([*SOURCE_DIR.glob("*.cpp"), *SOURCE_DIR.rglob("*.hpp")])
    return [path.read_text(encoding="utf-8") for path in paths]


def _hash(parts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]
