"""What stages measure, and the gates that stand on it; a stage never judges itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_type_hints

from flow.errors import CheckFailed


@dataclass(frozen=True)
class Gate:
    """A condition on a metric; it stands in the type: `images: Annotated[int, AT_LEAST_ONE]`."""

    passes: Callable[[Any], bool]
    demand: str
    """What is demanded, for the message: "must be true"."""


IS_TRUE = Gate(lambda value: value is True, "must be true")
IS_ZERO = Gate(lambda value: int(value) == 0, "must be 0")
AT_LEAST_ONE = Gate(lambda value: int(value) > 0, "must be at least 1")
NOT_NEGATIVE = Gate(lambda value: float(value) >= 0, "must not be negative")
NOT_ABOVE_ONE = Gate(lambda value: float(value) <= 1, "must not be above 1")

VERDICTS = ("bit_exact",)
"""Metrics that mean nothing without a gate: a stage that has one ungated is refused."""


@dataclass(frozen=True)
class Metrics:
    """What a stage measured: plain JSON values, kept in its stage.json.

    A stage has its own frozen dataclass of it. A field annotated with gates is judged by them.
    """

    def as_dict(self) -> dict[str, Any]:
        """Return the values by name."""
        return asdict(self)


def gates_of(metrics: type[Metrics]) -> Mapping[str, tuple[Gate, ...]]:
    """Return the gates of each field, in the order of the fields."""
    hints = get_type_hints(metrics, include_extras=True)
    found = {}
    for field in fields(metrics):
        extras = getattr(hints[field.name], "__metadata__", ())
        found[field.name] = tuple(extra for extra in extras if isinstance(extra, Gate))
    return found


def ungated(metrics: type[Metrics]) -> str | None:
    """Return the first verdict among the fields that no gate stands on, or None."""
    gates = gates_of(metrics)
    return next((name for name in VERDICTS if name in gates and not gates[name]), None)


def judge(
    stage_id: str, metrics: type[Metrics], values: Mapping[str, Any], detail: str = ""
) -> None:
    """Check the values of a stage's metrics against their gates.

    Raises CheckFailed with every failed gate and `detail`, the stage's line on what is wrong. A
    gated metric that is not among the values fails.
    """
    failures = []
    for name, gates in gates_of(metrics).items():
        for gate in gates:
            if name not in values:
                failures.append(f"{name} {gate.demand}, but was not measured")
            elif not gate.passes(values[name]):
                failures.append(f"{name} {gate.demand}, but is {values[name]!r}")
    if failures:
        raise CheckFailed(f"{stage_id}: {'; '.join(failures)}" + (f". {detail}" if detail else ""))
