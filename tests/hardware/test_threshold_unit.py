"""What bnn_threshold makes of its memory equals the network's node."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow.hardware.kernels.kernel import Frames
from flow.hardware.kernels.threshold_unit import ThresholdUnit
from flow.hardware.stream import Element
from flow.network import Threshold


@settings(max_examples=60, deadline=None)
@given(
    groups=st.integers(1, 4),
    pe=st.integers(1, 3),
    bits=st.integers(1, 6),
    signed=st.booleans(),
    steps=st.integers(1, 6),
    loose=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_its_rows_compute_the_node(
    groups: int, pe: int, bits: int, signed: bool, steps: int, loose: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    channels, code_bits = groups * pe, steps.bit_length()
    low, high = (-1, 1) if bits == 1 else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    if bits > 1 and not signed:
        low, high = 0, (1 << bits) - 1
    # Far outside of the range too: such a step is always or never taken.
    drawn = np.sort(rng.integers(low - loose, high + 2 + loose, (channels, steps)), axis=1)
    falling = rng.integers(0, 2, channels).astype(bool)
    values = rng.integers(low, high + 1, (2, 3, 4, channels))
    values = np.where(values > 0, 1, -1) if bits == 1 else values
    one_bit = steps == 1
    node = Threshold("t", ("x",), drawn, falling, -1 if one_bit else 0, 2 if one_bit else 1)
    unit = ThresholdUnit(channels, pe, bits, signed, steps, code_bits, falls=True)
    rows = unit.rows(drawn, falling)
    memory = unit.memories()[0]
    assert rows.shape == (memory.depth, -(-memory.width_bits // 8))
    out = unit.compute(Frames(values), {"ThreshFile": rows}, Element(code_bits, False))
    np.testing.assert_array_equal(out.values, node.compute([values]))


def test_a_falling_channel_needs_its_bit() -> None:
    unit = ThresholdUnit(2, 1, 4)
    with pytest.raises(ValueError, match="channel 1 falls, Falls is 0"):
        unit.rows(np.zeros((2, 1), np.int64), np.array([False, True]))
