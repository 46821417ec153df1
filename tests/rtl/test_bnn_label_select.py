"""bnn_label_select: argmax of signed scores, the lowest label wins a tie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack

MUTANTS = [
    Mutant(
        "bnn_label_select.sv",
        "> $signed(low[InBits-1:0])",
        ">= $signed(low[InBits-1:0])",
    ),
    Mutant("bnn_label_select.sv", "> $signed(best_q);", ">= $signed(best_q);"),
    Mutant("bnn_label_select.sv", "assign better = first ||", "assign better ="),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for labels, bits, lanes in (
        (10, 8, 1),
        (10, 11, 10),
        (10, 6, 2),
        (12, 4, 3),
        (1, 5, 1),
        (5, 3, 5),
    ):
        # Few distinct values, so that ties are common; both ends of the range included.
        values = np.array([-(1 << (bits - 1)), -1, 0, 1, (1 << (bits - 1)) - 1])
        scores = values[rng.integers(0, len(values), (80, labels))]
        scores[40:] = rng.integers(values[0], values[-1] + 1, (40, labels))
        cases.append(
            Case(
                {"NumLabels": labels, "InBits": bits, "Lanes": lanes},
                pack(scores.reshape(-1, lanes), bits),
                [int(label) for label in scores.argmax(axis=1)],
                frames=8,
                fast_frames=4,
                cycles_per_frame=10 * labels // lanes,
            )
        )
    return cases


def test_selects_the_lowest_of_the_greatest(tmp_path: Path, rng: np.random.Generator) -> None:
    check("label_select", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("label_select", make_cases(rng), tmp_path, mutant)
