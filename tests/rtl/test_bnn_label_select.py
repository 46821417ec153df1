"""bnn_label_select: greatest of signed scores, best first; the lowest label wins a tie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack

MUTANTS = [
    Mutant("bnn_greater.sv", "= $signed(a_i) > $signed(b_i);", "= $signed(a_i) >= $signed(b_i);"),
    Mutant("bnn_greater.sv", "high_equal && low_greater", "low_greater"),
    Mutant("bnn_label_best.sv", "assign better = first_beat_q ||", "assign better ="),
    Mutant("bnn_label_rank.sv", "|| driven ||", "||"),
    Mutant("bnn_label_rank.sv", "full_q <= some || (full_q && !first);", "full_q <= 1'b1;"),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for labels, bits, lanes, top in (
        (10, 8, 1, 1),
        (10, 11, 10, 1),
        (10, 6, 2, 1),
        (12, 4, 3, 1),
        (1, 5, 1, 1),
        (5, 3, 5, 1),
        (6, 27, 3, 1),
        (10, 8, 1, 5),
        (10, 5, 2, 3),
        (5, 4, 5, 5),
        (4, 20, 2, 4),
        (3, 3, 1, 2),
    ):
        # Few distinct values, so that ties are common; both ends of the range included.
        values = np.array([-(1 << (bits - 1)), -1, 0, 1, (1 << (bits - 1)) - 1])
        scores = values[rng.integers(0, len(values), (80, labels))]
        scores[40:] = rng.integers(values[0], values[-1] + 1, (40, labels))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        cases.append(
            Case(
                {"NumLabels": labels, "InBits": bits, "Lanes": lanes, "TopK": top},
                pack(scores.reshape(-1, lanes), bits),
                pack(best, max(1, (labels - 1).bit_length())),
                frames=8,
                fast_frames=4,
                cycles_per_frame=10 * labels // (lanes if top == 1 else 1),
            )
        )
    return cases


def test_selects_the_lowest_of_the_greatest(tmp_path: Path, rng: np.random.Generator) -> None:
    check("label_select", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("label_select", make_cases(rng), tmp_path, mutant)
