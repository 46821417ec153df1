"""bnn_input_offset: x - Offset or Offset - x for every pixel value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack

MUTANTS = [Mutant("bnn_input_offset.sv", ": x - OutBits'(Offset)", ": OutBits'(Offset) - x")]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for lanes, out_bits, offset, negate in (
        (1, 8, 128, False),
        (3, 9, 200, False),
        (3, 8, 127, True),
        (2, 10, -30, False),
    ):
        values = rng.integers(0, 256, (400, lanes))
        values.reshape(-1)[:256] = np.arange(256)
        moved = offset - values if negate else values - offset
        cases.append(
            Case(
                {"Lanes": lanes, "OutBits": out_bits, "Offset": offset, "Negate": int(negate)},
                pack(values, 8),
                pack(moved, out_bits),
                frames=8,
                fast_frames=4,
                cycles_per_frame=50,
            )
        )
    return cases


def test_moves_every_value(tmp_path: Path, rng: np.random.Generator) -> None:
    check("input_offset", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("input_offset", make_cases(rng), tmp_path, mutant)
