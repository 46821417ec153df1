"""Compile a network to one shared library with the system's g++."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flow.errors import UserError
from flow.sim.cpp.generate import BLOB_FILE, Generated, generate
from flow.tools.process import Plan, execute

if TYPE_CHECKING:
    from flow.sim.cpp.network import Network

SOURCE_DIR = Path(__file__).resolve().parent
COMPILER = "g++"
GENERATED_FILE = "network.cpp"
LIBRARY_FILE = "cppsim.so"

_COMMON = ("plan.cpp", "runtime.cpp")
_PORTABLE = ("portable.cpp",)
_X86 = {
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


def plan_compile(
    generated: Generated, folder: Path, *, machine: str, flags: Sequence[str] = ()
) -> list[Plan]:
    """Return the calls that make LIBRARY_FILE in `folder`; `machine` is what uname -m says.

    The blob must lie in `folder` as BLOB_FILE. Sources for other instruction sets are left out.
    """
    sources: dict[Path, tuple[str, ...]] = {
        SOURCE_DIR / name: () for name in (*_COMMON, *_PORTABLE)
    }
    if machine in ("x86_64", "AMD64"):
        sources.update({SOURCE_DIR / name: extra for name, extra in _X86.items()})
    sources[folder / GENERATED_FILE] = ()
    plans, objects = [], []
    for source, extra in sources.items():
        name = f"{source.stem}.o"
        argv = (COMPILER, *_FLAGS, *flags, *extra, f"-I{SOURCE_DIR}", "-c")
        plans.append(Plan((*argv, str(source), "-o", name), folder))
        objects.append(name)
    plans[-1] = Plan(plans[-1].argv, folder, {folder / GENERATED_FILE: generated.source})
    plans.append(Plan((COMPILER, *flags, *_LINK, *objects, "-o", LIBRARY_FILE), folder))
    return plans


def compile_network(network: Network, folder: Path, *, flags: Sequence[str] = ()) -> Compiled:
    """Compile `network` and return the library, `folder`/<hash>/cppsim.so.

    The hash covers the layers, the weights, the kernels' sources, the flags and the machine: where
    that library is there already, nothing is compiled. Raises UserError without g++, ToolError
    with the first line the compiler complains about.
    """
    reason = missing_compiler()
    if reason:
        raise UserError(f"cppsim: {reason}; install it (Debian: g++, Fedora: gcc-c++)")
    generated = generate(network)
    machine = platform.machine()
    key = _key(generated, machine, flags)
    target = folder / key[:16]
    library = target / LIBRARY_FILE
    if library.is_file():
        return Compiled(library, 0.0, generated.identity)
    work = folder / f"{key[:16]}.{os.getpid()}"
    work.mkdir(parents=True, exist_ok=True)
    (work / BLOB_FILE).write_bytes(generated.blob)
    seconds = 0.0
    for k, plan in enumerate(plan_compile(generated, work, machine=machine, flags=flags)):
        log = work / f"compile_{k}.log"
        seconds += execute(plan, log=log, timeout_s=_TIMEOUT_S).seconds
    target.mkdir(exist_ok=True)
    os.replace(work / LIBRARY_FILE, library)
    shutil.rmtree(work)
    return Compiled(library, seconds, generated.identity)


def _key(generated: Generated, machine: str, flags: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for part in (generated.identity, generated.source, machine, *_FLAGS, *flags):
        digest.update(part.encode() + b"\0")
    for source in sorted([*SOURCE_DIR.glob("*.cpp"), *SOURCE_DIR.glob("*.hpp")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()
