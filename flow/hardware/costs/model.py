"""The cost model: memories by rule, the rest by coefficients fitted to what yosys measured."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flow.errors import UserError
from flow.hardware.kernels import kernel_of
from flow.hardware.kernels.kernel import Kernel
from flow.hardware.synthesis.utilisation import Utilisation

TABLE = Path(__file__).with_name("table.json")
COEFFICIENTS = Path(__file__).with_name("coefficients.json")
_FLOOR = {"lut": 40.0, "ff": 40.0}
"""Errors below so many count little: a fit that is good at 30 LUTs is good for nothing."""


@dataclass(frozen=True)
class Measurement:
    """One row of the table: what yosys made of one geometry."""

    module: str
    parameters: Mapping[str, int | str]
    family: str
    utilisation: Utilisation
    logic_levels: int

    @property
    def kernel(self) -> Kernel:
        """The kernel that was mapped."""
        return kernel_of(self.module, self.parameters)


@dataclass(frozen=True)
class CostModel:
    """Coefficients by variant, resource ("lut", "ff") and feature."""

    coefficients: Mapping[str, Mapping[str, Mapping[str, float]]]

    def cost(self, kernel: Kernel, family: str) -> Utilisation:
        """Return what one kernel takes; UserError for a module the model does not know."""
        name = kernel.fit
        if name not in self.coefficients:
            raise UserError(
                f"estimate: there is no cost model of {name}; known: "
                f"{', '.join(sorted(self.coefficients))} (flow costs --fit makes them)"
            )
        features = kernel.features(family)
        fits = self.coefficients[name]
        extra = {
            resource: sum(
                fits[resource].get(feature, 0.0) * value
                for feature, value in getattr(features, resource).items()
            )
            for resource in ("lut", "ff")
        }
        return features.memories + Utilisation(**{k: round(v) for k, v in extra.items()})


@dataclass(frozen=True)
class FitError:
    """How far the model is from the table, relative (0.05 is 5 %)."""

    variant: str
    resource: str
    rows: int
    median: float
    worst: float
    worst_row: str


def fit(rows: Iterable[Measurement]) -> CostModel:
    """Fit non-negative coefficients to the relative errors of every variant."""
    import numpy as np
    from scipy.optimize import nnls

    groups: dict[str, list[Measurement]] = {}
    for row in rows:
        groups.setdefault(row.kernel.fit, []).append(row)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, members in sorted(groups.items()):
        found[name] = {}
        for resource in ("lut", "ff"):
            features = [row.kernel.features(row.family) for row in members]
            names = list(getattr(features[0], resource))
            wanted = np.array(
                [
                    getattr(row.utilisation, resource) - getattr(f.memories, resource)
                    for row, f in zip(members, features, strict=True)
                ]
            )
            matrix = np.array([[getattr(f, resource)[n] for n in names] for f in features], float)
            scale = 1 / np.maximum(
                [getattr(row.utilisation, resource) for row in members], _FLOOR[resource]
            )
            values, _ = nnls(matrix * scale[:, None], wanted * scale)
            found[name][resource] = {
                n: round(float(v), 4) for n, v in zip(names, values, strict=True) if v > 0
            }
    return CostModel(found)


def errors(model: CostModel, rows: Iterable[Measurement]) -> list[FitError]:
    """Return the relative errors over `rows`, by variant and resource."""
    groups: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for row in rows:
        estimate = model.cost(row.kernel, row.family)
        for resource in ("lut", "ff", "bram36"):
            measured = getattr(row.utilisation, resource)
            off = abs(getattr(estimate, resource) - measured)
            relative = off / max(measured, _FLOOR.get(resource, 1.0))
            where = f"{row.family} {dict(row.parameters)}"
            key = (row.kernel.fit, resource)
            groups.setdefault(key, []).append((relative, where))
    return [
        FitError(
            name,
            resource,
            len(found),
            statistics.median(value for value, _ in found),
            *max(found),
        )
        for (name, resource), found in sorted(groups.items())
    ]


def load_table(path: Path = TABLE) -> list[Measurement]:
    """Return the committed measurements."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [
        Measurement(
            row["module"],
            row["parameters"],
            row["family"],
            Utilisation(**row["utilisation"]),
            row["logic_levels"],
        )
        for row in rows
    ]


def save_table(rows: Iterable[Measurement], made_with: Mapping[str, Any], path: Path) -> None:
    """Write measurements with what they were made with (versions, hashes of sources)."""
    lines = [
        json.dumps(
            {
                "module": row.module,
                "family": row.family,
                "parameters": dict(row.parameters),
                "utilisation": row.utilisation.as_dict(),
                "logic_levels": row.logic_levels,
            }
        )
        for row in rows
    ]
    text = f'{{"made_with": {json.dumps(dict(made_with), indent=1)},\n"rows": [\n'
    path.write_text(text + ",\n".join(lines) + "\n]}\n", encoding="utf-8")


@cache
def load_model(path: Path = COEFFICIENTS) -> CostModel:
    """Return the committed model."""
    return CostModel(json.loads(path.read_text(encoding="utf-8"))["coefficients"])


def save_model(model: CostModel, found: Iterable[FitError], path: Path = COEFFICIENTS) -> None:
    """Write the coefficients and the errors they leave."""
    stated = [
        {
            "variant": error.variant,
            "resource": error.resource,
            "rows": error.rows,
            "median": round(error.median, 4),
            "worst": round(error.worst, 4),
        }
        for error in found
    ]
    text = json.dumps({"coefficients": model.coefficients, "errors": stated}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
