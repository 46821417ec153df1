"""bnn_stream_reg: every beat passes once, in order, one a cycle, under any idling and stalling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, random_words

MUTANTS = [
    Mutant("bnn_stream_reg.sv", "valid_q <= skid_valid_q || in_fire;", "valid_q <= in_fire;"),
    Mutant("bnn_stream_reg.sv", "if (move) data_q <=", "data_q <="),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for width in (1, 7, 64, 200):
        words = random_words(rng, 640, width)
        cases.append(
            Case(
                {"Width": width},
                words,
                words,
                frames=10,
                fast_frames=4,
                cycles_per_frame=64,
            )
        )
    return cases


def test_passes_every_beat_at_full_rate(tmp_path: Path, rng: np.random.Generator) -> None:
    check("stream_reg", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("stream_reg", make_cases(rng), tmp_path, mutant)
