"""bnn_threshold: codes of rising and falling channels, one word a cycle, thresholds also loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Mutant, check, check_catches, some_slow
from kernel_cases import threshold_case

from flow.hardware.kernels.threshold_unit import ThresholdUnit

# channels, PE, bits of an element, signed, thresholds, bits of a code
UNITS = [
    ThresholdUnit(4, 2, 4, True, 3, 2),
    ThresholdUnit(6, 1, 8, False, 1, 1, falls=True),
    ThresholdUnit(3, 3, 5, False, 7, 4, code_low=12),
    ThresholdUnit(4, 4, 1, False, 1, 1, falls=True),
    ThresholdUnit(8, 2, 6, True, 15, 4, code_low=8, falls=True, thresh_style="block"),
    ThresholdUnit(6, 2, 3, True, 3, 2, falls=True, loadable=True),
]
MORE_UNITS = [
    ThresholdUnit(1, 1, 9, True, 255, 8),
    ThresholdUnit(40, 1, 2, True, 1, 1),
    ThresholdUnit(10, 5, 12, True, 2, 2, code_low=3, falls=True),
    ThresholdUnit(12, 4, 7, False, 6, 3, loadable=True, thresh_style="block"),
    ThresholdUnit(5, 5, 1, True, 2, 2, loadable=True),
    ThresholdUnit(9, 3, 18, True, 14, 4, code_low=9, falls=True, loadable=True),
]
MUTANTS = [
    Mutant("bnn_threshold.sv", "value ^ {ValueBits{falls}}", "value"),
    Mutant("bnn_threshold.sv", "falls = row[Pe*Steps*ThreshBits+p]", "falls = row[RowBits-1]"),
    Mutant("bnn_threshold.sv", "assign value = {!x[0], 1'b1};", "assign value = {x[0], 1'b1};"),
    Mutant("bnn_threshold.sv", "(ReadLatency-1)*Pe+p", "p"),
    Mutant("bnn_threshold.sv", "FifoDepth = Latency + 6", "FifoDepth = Latency"),
    Mutant("bnn_threshold.sv", ".Credits(FifoDepth)", ".Credits(FifoDepth + 4)"),
    Mutant("bnn_threshold.sv", ".CodeLow   (CodeLow)", ".CodeLow   (0)"),
    Mutant("bnn_threshold.sv", "assign value = {1'b0, x};", "assign value = {x[InBits-1], x};"),
]


def test_codes_at_full_rate(tmp_path: Path, rng: np.random.Generator) -> None:
    check("threshold", [threshold_case(unit, rng) for unit in UNITS], tmp_path)


@pytest.mark.slow
def test_more_codes_at_full_rate(tmp_path: Path, rng: np.random.Generator) -> None:
    check("threshold", [threshold_case(unit, rng) for unit in MORE_UNITS], tmp_path)


@pytest.mark.parametrize("mutant", some_slow(MUTANTS, 1), ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("threshold", [threshold_case(unit, rng) for unit in UNITS], tmp_path, mutant)
