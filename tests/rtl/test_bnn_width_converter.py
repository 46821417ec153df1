"""bnn_width_converter: the same bits in the same order, for any pair of widths."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack
from stream_models import side_by_side

# width in, width out, pixels
WIDTHS = [
    *((8, 8, 1), (4, 32, 1), (1, 10, 1), (32, 4, 1), (9, 3, 1), (12, 8, 1), (8, 12, 1), (3, 64, 1)),
    *((48, 36, 1), (5, 7, 1), (4, 8, 2), (8, 2, 3), (6, 4, 2), (4, 6, 5), (3, 3, 4), (1, 2, 16)),
]

MUTANTS = [
    Mutant(
        "bnn_width_converter.sv", "up_data[(k*Pixels+m)*InWidth", "up_data[(m*UpRatio+k)*InWidth"
    ),
    Mutant("bnn_width_up.sv", "count_q == CountBits'(Ratio - 2)", "count_q == '0"),
    Mutant("bnn_width_up.sv", "{in_data_i, part_q};", "{part_q, in_data_i};"),
    Mutant("bnn_width_up.sv", "!last_q || !valid_q || out_ready_i", "!last_q || rst_ni"),
    Mutant("bnn_width_down.sv", "(out_ready_i && last_q)", "last_q"),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for in_width, out_width, pixels in WIDTHS:
        frame_bits = math.lcm(in_width, out_width) * 8
        bits = rng.integers(0, 2, (8 * pixels, frame_bits))
        cases.append(
            Case(
                {"InWidth": in_width, "OutWidth": out_width, "Pixels": pixels},
                pack(side_by_side(bits, pixels, in_width), 1),
                pack(side_by_side(bits, pixels, out_width), 1),
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
