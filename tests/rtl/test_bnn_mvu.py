"""bnn_mvu: right bits and sums, padded beats count half, exactly NF * SF cycles a vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Mutant, check, check_catches
from stream_models import Mvu, mvu_case

MVUS = [
    Mvu(36, 8, 2, 4, style="distributed", addr_copies=3),
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
    Mvu(36, 8, 2, 4, pixels=2, chunks=4),
    Mvu(36, 8, 4, 4, pad_flags=True, pixels=3, chunks=2, style="block"),
    Mvu(27, 6, 3, 9, pad_flags=True, pixels=2, chunks=3, loadable=True),
    Mvu(80, 4, 2, 40, pad_flags=True, pixels=6, loadable=True, style="ultra"),
    Mvu(24, 6, 6, 8, pixels=2, threshold=False, loadable=True),
    Mvu(16, 2, 2, 16, pixels=6, loadable=True, style="distributed"),
    Mvu(27, 8, 4, 3, in_bits=8, in_signed=True, pixels=2, chunks=2, loadable=True),
]

MULTI_BIT_MVUS = [
    Mvu(36, 8, 2, 4, weight_bits=8, pad_flags=True, threshold=False),
    Mvu(27, 6, 3, 9, weight_bits=3, pad_flags=True, pixels=2, style="block", loadable=True),
    Mvu(7, 1, 1, 7, weight_bits=2, pad_flags=True, threshold=False, loadable=True),
    Mvu(27, 4, 2, 9, in_bits=8, in_signed=True, weight_bits=9),
    Mvu(8, 10, 2, 4, in_bits=12, weight_bits=4, threshold=False),
    Mvu(24, 6, 3, 8, in_bits=2, weight_bits=5, steps=3, code_low=-1, pixels=2),
    Mvu(36, 8, 2, 4, pad_flags=True, steps=3, code_low=-2, loadable=True),
    Mvu(8, 6, 2, 8, in_bits=3, steps=14, code_low=-7),
]
MORE_MULTI_BIT_MVUS = [
    Mvu(36, 8, 2, 4, weight_bits=9),
    Mvu(12, 4, 4, 1, in_bits=2, in_signed=True, weight_bits=2, pixels=2),
    Mvu(10, 6, 1, 5, in_bits=4, weight_bits=4, loadable=True, chunks=2),
    Mvu(27, 4, 2, 9, in_bits=8, in_signed=True, weight_bits=8, threshold=False),
    Mvu(27, 6, 6, 27, steps=15, pixels=2, style="block"),
    Mvu(27, 3, 1, 9, pad_flags=True, weight_bits=2, steps=2, code_low=-1),
    Mvu(12, 4, 2, 6, in_bits=8, in_signed=True, steps=255, code_low=-128),
    Mvu(8, 6, 2, 8, in_bits=3, weight_bits=2, steps=6, loadable=True),
    Mvu(6, 6, 6, 3, in_bits=2, weight_bits=8, steps=14, code_low=-7),
]

MUTANT_MVUS = [  # few, since each mutant is a build of its own
    Mvu(27, 6, 3, 9, pad_flags=True, threshold=False, style="distributed", addr_copies=2),
    Mvu(40, 10, 1, 40),
    Mvu(36, 8, 4, 4, pad_flags=True, pixels=3, chunks=2),
    Mvu(80, 4, 2, 40, pad_flags=True, pixels=6, loadable=True, chunks=2),
    Mvu(27, 4, 2, 9, in_bits=8, in_signed=True, pixels=2, chunks=2, loadable=True),
]

MULTI_BIT_MUTANT_MVUS = [
    Mvu(27, 6, 3, 9, weight_bits=3, pad_flags=True, pixels=2, style="block"),
    Mvu(27, 3, 1, 9, in_bits=8, in_signed=True, weight_bits=8, threshold=False),
    Mvu(8, 4, 2, 4, in_bits=2, in_signed=True, weight_bits=4),
    Mvu(8, 2, 2, 8, weight_bits=2, steps=3, code_low=-1),
]
MULTI_BIT_MUTANTS = [
    Mutant("bnn_weighted_sum.sv", "if (PadFlags && pad_i)", "if (1'b0 && pad_i)"),
    Mutant("bnn_product.sv", "w_q <= $signed(w_i);", "w_q <= {1'b0, w_i[WBits-2:0]};"),
    Mutant("bnn_multi_threshold.sv", ">= limit;", "> limit;"),
]
MORE_MULTI_BIT_MUTANTS = [
    Mutant("bnn_weighted_sum.sv", "act_i[s]}}, act_i[s]}", "act_i[s]}}, 1'b1}"),
    Mutant("bnn_product.sv", "high = YBits'($signed(w_i", "high = YBits'($unsigned(w_i"),
    Mutant("bnn_multi_threshold.sv", "grown + CodeBits'(CodeLow)", "grown"),
    Mutant("bnn_mvu.sv", "(SumLatency + CodeLatency + 9) / SF + 2;", "2;"),
    Mutant("bnn_mvu.sv", "SumLatency - 1 - ReadLatency : 0;", "SumLatency - 1 - ReadLatency : 1;"),
]

MUTANTS = [
    Mutant("bnn_replay.sv", "first_pass_q <= last_pass_q;", "first_pass_q <= 1'b0;"),
    Mutant("bnn_replay.sv", "Depth - 3);", "Depth - 2);"),
    Mutant("bnn_replay.sv", "(fresh_q[0] && !take_fresh)", "fresh_q[0]"),
    Mutant("bnn_mvu_schedule.sv", "(!begins_q || credit_some_q)", "(!begins_q || rst_ni)"),
    Mutant("bnn_mvu.sv", "FifoDepth = (SumLatency + CodeLatency + 9) / SF + 2;", "FifoDepth = 2;"),
    Mutant("bnn_mvu_schedule.sv", ".data_i(addr_d)", ".data_i(addr_q)"),
    Mutant("bnn_rom.sv", "mem[addr][First+:Bits]", "mem[addr][0+:Bits]"),
    Mutant("bnn_mvu_schedule.sv", "|starts[Latency-1-:Early]", "starts[Latency-1]"),
    Mutant("bnn_mvu.sv", "pads[PadDelay*Pixels+m]", "pads[PadDelay*Pixels]"),
    Mutant("bnn_memory.sv", "if (start_q) full_q <= 1'b0;", "if (1'b0) full_q <= 1'b0;"),
    Mutant("bnn_memory.sv", "addr_q == LastRow - 1'b1;", "addr_q == LastRow;"),
    Mutant("bnn_xnor_neuron.sv", "assign sum = {count, odd_q};", "assign sum = {count, 1'b0};"),
    Mutant("bnn_xnor_neuron.sv", "begins_i} + {base, begins_i};", "begins_i} + {base, 1'b0};"),
    Mutant("bnn_popcount.sv", "half_i ? CountBits'(Width / 2) :", "1'b0 ? CountBits'(Width / 2) :"),
    Mutant("bnn_signed_sum.sv", "{Signed & x[InBits-1]}", "{1'b0}"),
    Mutant("bnn_signed_sum.sv", "{wide ^ {Bits{plus}}, plus}", "{wide ^ {Bits{plus}}, 1'b1}"),
    Mutant("bnn_accumulator.sv", "borrow = !begins_i;", "borrow = 1'b1;"),
    Mutant("bnn_adder_tree.sv", "{Signed & right[Bits-2], right}", "{1'b0, right}"),
]


def test_results_flags_and_pace(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = [mvu_case(mvu, rng, 8, 6, 4) for mvu in MVUS]
    # A producer that is exactly as fast as needed, one beat in NF cycles, must not cost a cycle.
    cases += [mvu_case(mvu, rng, 8, 6, 4, mvu.mh // mvu.pe) for mvu in MVUS[:9]]
    check("mvu", cases, tmp_path)


def test_wide_weights_and_several_thresholds(tmp_path: Path, rng: np.random.Generator) -> None:
    check("mvu", [mvu_case(mvu, rng, 8, 6, 4) for mvu in MULTI_BIT_MVUS], tmp_path)


@pytest.mark.slow
def test_more_wide_weights_and_several_thresholds(tmp_path: Path, rng: np.random.Generator) -> None:
    check("mvu", [mvu_case(mvu, rng, 8, 6, 4) for mvu in MORE_MULTI_BIT_MVUS], tmp_path)


def check_wide_mutant(mutant: Mutant, directory: Path, rng: np.random.Generator) -> None:
    cases = [mvu_case(mvu, rng, 8, 6, 4) for mvu in MULTI_BIT_MUTANT_MVUS]
    check_catches("mvu", cases, directory, mutant)


@pytest.mark.parametrize("mutant", MULTI_BIT_MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches_wide_mutants(
    mutant: Mutant, tmp_path: Path, rng: np.random.Generator
) -> None:
    check_wide_mutant(mutant, tmp_path, rng)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MORE_MULTI_BIT_MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches_more_wide_mutants(
    mutant: Mutant, tmp_path: Path, rng: np.random.Generator
) -> None:
    check_wide_mutant(mutant, tmp_path, rng)


def check_structure(lanes: list[int], directory: Path, rng: np.random.Generator) -> None:
    mvus = [Mvu(2 * simd, 2, 1, simd, pad_flags=simd % 3 == 0, chunks=2) for simd in lanes]
    check("mvu", [mvu_case(mvu, rng, 4, 4, 2) for mvu in mvus], directory, ["BNN_STRUCTURE"])


def test_popcount_as_it_is_synthesised(tmp_path: Path, rng: np.random.Generator) -> None:
    """The structure that synthesis takes, where the other tests simulate its faster twin."""
    check_structure([1, 2, 3, 7, 16, 33, 64], tmp_path, rng)


@pytest.mark.slow
def test_popcounts_as_they_are_synthesised(tmp_path: Path, rng: np.random.Generator) -> None:
    check_structure([*range(4, 33), 42, 43, 47, 48, 63, 65, 95, 128, 133, 250], tmp_path, rng)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    cases = [mvu_case(mvu, rng, 8, 6, 4) for mvu in MUTANT_MVUS]
    check_catches("mvu", cases, tmp_path, mutant)
