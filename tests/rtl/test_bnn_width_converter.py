"""bnn_width_converter: the same bits in the same order, for any pair of widths."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack

WIDTHS = [(8, 8), (4, 32), (1, 10), (32, 4), (9, 3), (12, 8), (8, 12), (3, 64), (48, 36), (5, 7)]

MUTANTS = [
    Mutant("bnn_width_up.sv", "{in_data_i, part_q};", "{part_q, in_data_i};"),
    Mutant("bnn_width_up.sv", "!last || !valid_q || out_ready_i", "!last || rst_ni"),
    Mutant("bnn_width_down.sv", "(out_ready_i && left_q == '0)", "left_q == '0"),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for in_width, out_width in WIDTHS:
        frame_bits = math.lcm(in_width, out_width) * 8
        bits = rng.integers(0, 2, 8 * frame_bits)
        cases.append(
            Case(
                {"InWidth": in_width, "OutWidth": out_width},
                pack(bits.reshape(-1, in_width), 1),
                pack(bits.reshape(-1, out_width), 1),
                frames=8,
                fast_frames=4,
                cycles_per_frame=frame_bits // min(in_width, out_width),
            )
        )
    return cases


def test_regroups_bits_at_full_rate(tmp_path: Path, rng: np.random.Generator) -> None:
    check("width_converter", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("width_converter", make_cases(rng), tmp_path, mutant)
