"""Judge what stages measured; a stage never judges itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flow.errors import CheckFailed


@dataclass(frozen=True)
class Gate:
    """One condition on one metric of one stage; a metric that was not measured fails it."""

    metric: str
    passes: Callable[[Any], bool]
    demand: str
    """What is demanded, for the message: "must be true"."""


BIT_EXACT = Gate("bit_exact", lambda value: value is True, "must be true")
COMPARED = Gate("images", lambda value: int(value) > 0, "must be at least 1")
NO_CRITICAL_WARNING = Gate("critical_warnings", lambda value: int(value) == 0, "must be 0")
NO_LATCH = Gate("latches", lambda value: int(value) == 0, "must be 0")

NO_GAPS = Gate(
    "slowdown",
    lambda value: value is None or float(value) <= 1.01,
    "must be at most 1.01 (cycles a frame over those of the slowest layer alone)",
)

GATES: Mapping[str, Sequence[Gate]] = {
    "witness": (Gate("agrees", lambda value: value is True, "must be true"), COMPARED),
    "network": (BIT_EXACT, COMPARED),
    "lint_rtl": (Gate("warnings", lambda value: int(value) == 0, "must be 0"),),
    "cppsim": (BIT_EXACT, COMPARED),
    "rtlsim": (BIT_EXACT, COMPARED, NO_GAPS),
    "synthesize": (
        Gate("fits", lambda value: value is True, "must be true"),
        Gate("logic_levels", lambda value: int(value) <= 4, "must be at most 4"),
    ),
    "finn_build": (Gate("wns_ns", lambda value: float(value) >= 0, "must not be negative"),),
    "netlist": (NO_CRITICAL_WARNING, NO_LATCH),
    "bitstream": (
        Gate("wns_ns", lambda value: float(value) >= 0, "must not be negative"),
        Gate("whs_ns", lambda value: float(value) >= 0, "must not be negative"),
        Gate("failing_endpoints", lambda value: int(value) == 0, "must be 0"),
        Gate("utilisation", lambda value: float(value) <= 1, "must not be above 1"),
        NO_CRITICAL_WARNING,
        NO_LATCH,
    ),
}


def judge(
    stage_id: str,
    metrics: Mapping[str, Any],
    detail: str = "",
    gates: Mapping[str, Sequence[Gate]] = GATES,
) -> None:
    """Check a stage's metrics against its gates.

    Raises CheckFailed with every failed gate and `detail`, the stage's line on what is wrong.
    """
    failures = []
    for gate in gates.get(stage_id, ()):
        if gate.metric not in metrics:
            failures.append(f"{gate.metric} {gate.demand}, but was not measured")
        elif not gate.passes(metrics[gate.metric]):
            failures.append(f"{gate.metric} {gate.demand}, but is {metrics[gate.metric]!r}")
    if failures:
        raise CheckFailed(f"{stage_id}: {'; '.join(failures)}" + (f". {detail}" if detail else ""))
