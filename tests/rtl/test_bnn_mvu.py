"""bnn_mvu: right bits and sums, padded beats count half, exactly NF * SF cycles a vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Mutant, check, check_catches
from stream_models import Mvu, mvu_case

MVUS = [
    Mvu(36, 8, 2, 4),
    Mvu(36, 8, 2, 4, pad_flags=True),
    Mvu(27, 6, 3, 3, pad_flags=True),
    Mvu(27, 6, 3, 9, pad_flags=True, threshold=False),
    Mvu(27, 6, 3, 3),
    Mvu(27, 6, 2, 27, threshold=False),
    Mvu(24, 6, 1, 8, pad_flags=True, threshold=False),
    Mvu(64, 4, 4, 16),
    Mvu(64, 4, 4, 64),
    Mvu(40, 10, 1, 40),
    Mvu(5, 3, 1, 1),
    Mvu(7, 2, 2, 1, pad_flags=True),
    Mvu(1, 4, 1, 1),
    Mvu(76, 4, 2, 38, pad_flags=True),
    Mvu(27, 8, 4, 3, in_bits=8),
    Mvu(27, 8, 4, 9, in_bits=8, in_signed=True),
    Mvu(27, 4, 2, 3, in_bits=8, in_signed=True, threshold=False),
    Mvu(10, 6, 1, 5, in_bits=2, threshold=False),
    Mvu(12, 4, 4, 1, in_bits=4, in_signed=True),
    Mvu(8, 2, 1, 8, in_bits=3),
]

MUTANTS = [
    Mutant("bnn_replay.sv", "first_pass_q <= last_pass_q;", "first_pass_q <= 1'b0;"),
    Mutant("bnn_mvu.sv", "(!begins || credit_some_q)", "(!begins || rst_ni)"),
    Mutant("bnn_mvu.sv", "FifoDepth = (SumLatency + 8) / SF + 2;", "FifoDepth = 2;"),
    Mutant("bnn_xnor_neuron.sv", "assign sum = {count, odd_q};", "assign sum = {count, 1'b0};"),
    Mutant("bnn_xnor_neuron.sv", "{base, 1'b1};", "{base, 1'b0};"),
    Mutant("bnn_popcount.sv", "if (half_i) count_q", "if (1'b0) count_q"),
    Mutant("bnn_addsub_neuron.sv", "{InSigned & x[InBits-1], x}", "{1'b0, x}"),
    Mutant("bnn_adder_tree.sv", "{Signed & right[Bits-2], right}", "{1'b0, right}"),
]


def test_results_flags_and_pace(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = [mvu_case(mvu, rng, 8, 6, 4) for mvu in MVUS]
    # A producer that is exactly as fast as needed, one beat in NF cycles, must not cost a cycle.
    cases += [mvu_case(mvu, rng, 8, 6, 4, mvu.mh // mvu.pe) for mvu in MVUS[:9]]
    check("mvu", cases, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    cases = [mvu_case(mvu, rng, 8, 6, 4) for mvu in MVUS if mvu.mh <= 4 or mvu.simd == 9]
    check_catches("mvu", cases, tmp_path, mutant)
