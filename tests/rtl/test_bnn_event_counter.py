"""bnn_event_counter: every count is exact over all its carries, and it stops or goes round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, some_slow

# Parts, bits of a part, whether it stops: few bits, so that all of them change.
GEOMETRIES = [(2, 2, 1), (2, 3, 0), (3, 2, 1), (4, 2, 0), (4, 2, 1)]
BEATS = 700

MUTANTS = [
    Mutant("bnn_event_counter.sv", "below[k] && full_q[k]", "below[k]"),
    Mutant("bnn_event_counter.sv", "!(Stops && carry_q[Parts])", "1'b1"),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for parts, bits, stops in GEOMETRIES:
        size = 1 << parts * bits
        events = rng.random(BEATS) < 0.9
        clears = rng.random(BEATS) < 0.01
        clears[: BEATS // 2] = False  # first all the way up
        count, outs = 0, []
        for event, clear in zip(events, clears, strict=True):
            outs.append(count)
            after = min(count + int(event), size - 1) if stops else (count + int(event)) % size
            count = 0 if clear else after
        ins = [int(clear) << 1 | int(event) for event, clear in zip(events, clears, strict=True)]
        parameters = {"Parts": parts, "PartBits": bits, "Stops": stops}
        cases.append(Case(parameters, ins, outs, frames=2, fast_frames=1))
    return cases


def test_counts_are_exact(tmp_path: Path, rng: np.random.Generator) -> None:
    check("event_counter", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", some_slow(MUTANTS, 1), ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("event_counter", make_cases(rng), tmp_path, mutant)
