"""Map kernels with yosys: each geometry once, the result kept by content."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from flow.hardware.synthesis.boxes import RAM_MODULE, ROM_MODULE, box_cost
from flow.hardware.synthesis.utilisation import (
    Utilisation,
    count_cells,
    logic_levels,
    path_reach,
    widest_net,
)
from flow.tools import yosys
from flow.tools.process import end_all

_COUNTING = "4"
"""Raise it when the counting changes what it says of the same netlist."""
_ANY_IMAGE = '"image.mem"'
"""Stands for every memory image: memories are black boxes, their contents change nothing."""

_OPEN_OUTPUTS: Mapping[str, tuple[str, ...]] = {"bnn_fifo": ("high_water_o",)}
"""Outputs that the generated top leaves open."""


@dataclass(frozen=True)
class Kernel:
    """One module with its parameters, image file names left out."""

    module: str
    parameters: tuple[tuple[str, int | str], ...]

    @classmethod
    def of(cls, module: str, parameters: Mapping[str, int | str]) -> Kernel:
        """Return the kernel; what only names a memory image does not tell two kernels apart."""
        plain = {
            name: _ANY_IMAGE if name.endswith("File") else value
            for name, value in parameters.items()
        }
        return cls(module, tuple(sorted(plain.items())))

    def __str__(self) -> str:
        """Give the kernel as one would instantiate it."""
        shown = ", ".join(f"{k}={v}" for k, v in self.parameters if not k.endswith("File"))
        return f"{self.module}({shown})"


@dataclass(frozen=True)
class Mapped:
    """What yosys and the memory rules say a kernel takes."""

    utilisation: Utilisation
    logic_levels: int
    path: tuple[str, ...]
    """Cell types of the deepest path."""
    reach: int
    """Levels of the path that is longest with the distance of its nets."""
    widest_net: str
    widest_net_loads: int
    seconds: float
    cached: bool


def cache_dir() -> Path:
    """Return the folder of kept results; it may be deleted at any time."""
    return Path.home() / ".cache" / "bnnflow" / "yosys"


def source_hash(folder: Path, module: str) -> str:
    """Return one hash over a module's file and all below it."""
    digest = hashlib.sha256()
    for path in yosys.module_closure(folder, module):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def cache_key(kernel: Kernel, folder: Path, family: str) -> str:
    """Return the name of a kernel's kept result: sources, parameters, family, versions."""
    said = [_COUNTING, yosys.version(), *yosys.map_commands(family, kernel.module)]
    said += [source_hash(folder, kernel.module)]
    said += _OPEN_OUTPUTS.get(kernel.module, ())
    text = json.dumps([*said, kernel.module, kernel.parameters], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def map_kernel(
    kernel: Kernel, folder: Path, family: str, *, cache: Path, timeout_s: float
) -> Mapped:
    """Return what `kernel`, its sources in `folder`, takes on `family`; yosys runs on a miss.

    Raises UserError or ToolError from yosys.
    """
    kept = cache / f"{cache_key(kernel, folder, family)}.json"
    found = _read(kept)
    if found is not None:
        return found
    sources = yosys.module_closure(folder, kernel.module)
    work = Path(tempfile.mkdtemp(prefix="bnnflow-yosys-"))
    job = yosys.SynthesisJob(
        kernel.module,
        tuple(path.resolve() for path in sources),
        dict(kernel.parameters),
        family,
        frozenset({ROM_MODULE, RAM_MODULE}),
        _OPEN_OUTPUTS.get(kernel.module, ()),
    )
    seconds, netlist = yosys.timed_synthesis(job, work, timeout_s)
    boxes = box_cost(family)
    path = logic_levels(netlist, boxes)
    widest = widest_net(netlist, boxes)
    mapped = Mapped(
        count_cells(netlist, boxes),
        path.levels,
        path.cells,
        path_reach(netlist, boxes).levels,
        widest.name,
        widest.loads,
        round(seconds, 1),
        False,
    )
    _write(kept, kernel, mapped)
    shutil.rmtree(work, ignore_errors=True)  # kept after an error: the message names the log
    return mapped


def map_kernels(
    kernels: Iterable[Kernel],
    folder: Path,
    family: str,
    *,
    cache: Path,
    jobs: int,
    timeout_s: float,
    progress: Callable[[int, int, str], None] | None = None,
) -> dict[Kernel, Mapped]:
    """Map each distinct kernel, `jobs` at a time; the first error ends it, runs beside it too."""
    distinct = list(dict.fromkeys(kernels))
    results: dict[Kernel, Mapped] = {}
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        futures: dict[Kernel, Future[Mapped]] = {
            kernel: pool.submit(
                map_kernel, kernel, folder, family, cache=cache, timeout_s=timeout_s
            )
            for kernel in distinct
        }
        try:
            for kernel, future in futures.items():
                if progress is not None:
                    progress(len(results), len(distinct), str(kernel))
                results[kernel] = future.result()
        except BaseException:
            for future in futures.values():
                future.cancel()
            while wait(futures.values(), timeout=0.1).not_done:
                end_all()
            raise
    return results


def _read(path: Path) -> Mapped | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Mapped(
            Utilisation(**values["utilisation"]),
            int(values["logic_levels"]),
            tuple(values["path"]),
            int(values["reach"]),
            str(values["widest_net"]),
            int(values["widest_net_loads"]),
            float(values["seconds"]),
            True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, kernel: Kernel, mapped: Mapped) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "kernel": str(kernel),
        "utilisation": mapped.utilisation.as_dict(),
        "logic_levels": mapped.logic_levels,
        "path": list(mapped.path),
        "reach": mapped.reach,
        "widest_net": mapped.widest_net,
        "widest_net_loads": mapped.widest_net_loads,
        "seconds": mapped.seconds,
    }
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
    ) as file:
        file.write(json.dumps(record, indent=1) + "\n")
    Path(file.name).replace(path)
