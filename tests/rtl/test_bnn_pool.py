"""bnn_pool: maximum and sum over any window, one word a cycle in, exactly the cycles it states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Mutant, check, check_catches, some_slow
from kernel_cases import pool_case

from flow.hardware.kernels.window_pool import WindowPool

# height, width, channels, PE; size, stride (vertical, horizontal); top, left, bottom, right
POOLS = [
    WindowPool(7, 7, 2, 1, 3, 3, 2, 2),
    WindowPool(6, 5, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1),
    WindowPool(5, 7, 4, 2, 2, 2, 2, 2, elem_bits=4, minimum=0b0110),
    WindowPool(5, 8, 6, 2, 2, 5, 3, 2, 1, 0, 0, 3, elem_bits=2, signed=True, minimum=0b101001),
    WindowPool(1, 9, 2, 1, 1, 4, 1, 3, 0, 3, 0, 3, minimum=0b01),
    WindowPool(2, 3, 1, 1, 4, 5, 1, 1, 3, 4, 2, 4, elem_bits=3),
    WindowPool(5, 7, 2, 1, 3, 3, 1, 1, 1, 1, 1, 1, sum=True),
    WindowPool(7, 5, 3, 3, 7, 5, 7, 5, elem_bits=8, signed=True, sum=True),
    WindowPool(6, 6, 4, 2, 3, 3, 2, 2, 0, 0, 1, 1, elem_bits=2, signed=True, sum=True, sum_bits=5),
    WindowPool(2, 3, 520, 1, 2, 2, 1, 1, elem_bits=2, sum=True),
]
MORE_POOLS = [
    WindowPool(4, 6, 4, 2, 2, 2, 2, 2),
    WindowPool(6, 6, 4, 2, 3, 3, 2, 2, 0, 0, 1, 1, elem_bits=3, signed=True),
    WindowPool(5, 4, 2, 2, 5, 4, 5, 4, elem_bits=2),
    WindowPool(6, 1, 2, 2, 3, 1, 2, 1, 2, 0, 2, 0, elem_bits=8),
    WindowPool(5, 5, 1, 1, 1, 1, 2, 2, elem_bits=2),
    WindowPool(3, 4, 2, 1, 1, 1, 1, 1, minimum=0b10),
    WindowPool(1, 1, 4, 2, 3, 3, 1, 1, 1, 1, 1, 1, elem_bits=2),
    WindowPool(4, 6, 4, 2, 2, 2, 2, 2, elem_bits=4, sum=True),
    WindowPool(3, 8, 2, 2, 1, 3, 1, 2, elem_bits=2, sum=True),
    WindowPool(8, 2, 4, 1, 4, 1, 3, 1, 0, 0, 3, 0, elem_bits=3, sum=True),
    WindowPool(3, 3, 2, 1, 1, 1, 2, 2, sum=True),
    WindowPool(2, 2, 2, 1, 1, 1, 1, 1, elem_bits=3, signed=True, sum=True, sum_bits=5),
    WindowPool(1, 1, 4, 2, 2, 3, 1, 1, 1, 2, 1, 2, elem_bits=3, signed=True, sum=True),
]

MUTANT_POOLS = [POOLS[k] for k in (3, 5, 8, 1, 6, 7)]  # few: each mutant is a build of its own
MUTANTS = [
    Mutant("bnn_pool_axis.sv", " && (some_q || a == 0);", ";"),
    Mutant("bnn_pool_axis.sv", "behind_q ? neutral : in_data}", "in_data}"),
    Mutant("bnn_pool_axis.sv", "Open'(1) << (Early % Open)", "Open'(1)"),
    Mutant("bnn_pool_axis.sv", "ends_q <= Open'({ends_q, ends_q} >> (Open - 1));", "begin end"),
    Mutant("bnn_pool_axis.sv", "? Late - 1 : 0;", "? 1 : 0;"),
    Mutant("bnn_pool_axis.sv", "(word_begins[a] ? '0 : so_far)", "so_far"),
    Mutant("bnn_pool_axis.sv", "word_begins[a] ? wide : greatest", "greatest"),
    Mutant("bnn_pool_axis.sv", "if (Inner == 1 || Size == 1)", "if (Inner <= 3 || Size == 1)"),
    Mutant("bnn_pool_axis.sv", "if (move && word_valid) results_q", "if (move) results_q"),
    Mutant("bnn_pool_axis.sv", "InBits'(Flip) << (InBits - 1)", "InBits'(Flip & 1'b0)"),
    Mutant("bnn_pool.sv", "{!in_data_i[c], 1'b1}", "{in_data_i[c], 1'b1}"),
    Mutant("bnn_pool.sv", "step_i(pooled_valid && pooled_ready)", "step_i(pooled_valid)"),
    Mutant("bnn_pool.sv", "(Sum && PeakBits < OutBits) ? PeakBits", "Sum ? PeakBits - 1"),
    Mutant("bnn_pool.sv", "TermSigned = Signed || PlusMinus", "TermSigned = Signed"),
]


def test_pools_at_full_rate(tmp_path: Path, rng: np.random.Generator) -> None:
    check("pool", [pool_case(pool, rng) for pool in POOLS], tmp_path)


@pytest.mark.slow
def test_more_pools_at_full_rate(tmp_path: Path, rng: np.random.Generator) -> None:
    check("pool", [pool_case(pool, rng) for pool in MORE_POOLS], tmp_path)


@pytest.mark.parametrize("mutant", some_slow(MUTANTS, 2), ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("pool", [pool_case(pool, rng) for pool in MUTANT_POOLS], tmp_path, mutant)
