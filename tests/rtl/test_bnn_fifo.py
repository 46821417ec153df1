"""bnn_fifo: order kept, one beat a cycle at every depth, never more than it can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, random_words

MUTANTS = [
    Mutant("bnn_fifo.sv", "rd_fire || count_q != limit - 1'b1", "count_q != '1"),
    Mutant("bnn_fifo.sv", "wr_fire || count_q != CountBits'(1)", "1'b1"),
    Mutant("bnn_fifo.sv", "wr_addr_q == AddrBits'(Depth - 2)", "wr_addr_q == AddrBits'(Depth - 1)"),
    Mutant("bnn_fifo.sv", "if (count_q > high_q) high_q", "if (ready_q) high_q"),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for width, depth in ((3, 2), (1, 3), (17, 5), (64, 16), (9, 33), (130, 64)):
        words = random_words(rng, 1000, width)
        cases.append(
            Case(
                {"Width": width, "Depth": depth},
                words,
                words,
                frames=10,
                fast_frames=3,
                cycles_per_frame=100,
            )
        )
    return cases


def test_keeps_order_and_depth_at_full_rate(tmp_path: Path, rng: np.random.Generator) -> None:
    check("fifo", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("fifo", make_cases(rng), tmp_path, mutant)
