"""bnn_input_table: every element goes through the table, one beat a cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Image, Mutant, check, check_catches, pack

MUTANTS = [
    Mutant("bnn_input_table.sv", "if (move) valid_q <= reg_valid;", "valid_q <= reg_valid;"),
    Mutant("bnn_input_table.sv", "reg_data[l*InBits+:InBits]", "reg_data[InBits-1:0]"),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for lanes, in_bits, out_bits in ((1, 8, 8), (3, 8, 2), (3, 8, 9), (2, 4, 1)):
        table = rng.integers(0, 1 << out_bits, 1 << in_bits)
        beats = 400
        values = rng.integers(0, 1 << in_bits, (beats, lanes))
        values.reshape(-1)[: 1 << in_bits] = np.arange(1 << in_bits)  # every entry once
        cases.append(
            Case(
                {
                    "Lanes": lanes,
                    "InBits": in_bits,
                    "OutBits": out_bits,
                    "TableFile": Image(pack(table[:, None], out_bits)),
                },
                pack(values, in_bits),
                pack(table[values], out_bits),
                frames=8,
                fast_frames=4,
                cycles_per_frame=beats // 8,
            )
        )
    return cases


def test_looks_every_element_up(tmp_path: Path, rng: np.random.Generator) -> None:
    check("input_table", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("input_table", make_cases(rng), tmp_path, mutant)
