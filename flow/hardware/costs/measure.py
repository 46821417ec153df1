"""Measure the grid with yosys and fit the cost model anew."""

from __future__ import annotations

from pathlib import Path

from flow.engine.stage import ProgressCallback
from flow.hardware.costs.grid import grid
from flow.hardware.costs.model import (
    COEFFICIENTS,
    TABLE,
    FitError,
    Measurement,
    errors,
    fit,
    load_model,
    load_table,
    save_model,
    save_table,
)
from flow.hardware.sources import RTL_SOURCE_DIR
from flow.hardware.synthesis.mapping import Kernel, cache_dir, map_kernels, source_hash
from flow.hardware.synthesis.utilisation import Utilisation
from flow.tools import yosys

_TIMEOUT_S = 1800.0


def made_with(sources: Path = RTL_SOURCE_DIR) -> dict[str, str]:
    """Return what decides the measurements: yosys' version and the kernels' sources."""
    modules = sorted({kernel.module for _, kernel in grid()})
    return {
        "pyosys": yosys.version(),
        **{module: source_hash(sources, module) for module in modules},
    }


def measure(
    jobs: int, progress: ProgressCallback | None = None, sources: Path = RTL_SOURCE_DIR
) -> None:
    """Run yosys on every geometry of the grid that is not in the cache; write the table."""
    by_family: dict[str, list[Kernel]] = {}
    for family, kernel in grid():
        by_family.setdefault(family, []).append(kernel)
    rows: list[Measurement] = []
    for family, kernels in by_family.items():
        mapped = map_kernels(
            kernels,
            sources,
            family,
            cache=cache_dir(),
            jobs=jobs,
            timeout_s=_TIMEOUT_S,
            progress=progress,
        )
        for kernel, result in mapped.items():
            found = Utilisation(**result.utilisation.as_dict())
            parameters = dict(kernel.parameters)
            levels = result.logic_levels
            rows.append(Measurement(kernel.module, parameters, family, found, levels))
    save_table(rows, made_with(sources), TABLE)


def refit() -> list[FitError]:
    """Fit the model to the committed table; return its errors."""
    rows = load_table()
    model = fit(rows)
    found = errors(model, rows)
    save_model(model, found, COEFFICIENTS)
    load_model.cache_clear()
    return found
