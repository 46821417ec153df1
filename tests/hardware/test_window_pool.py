"""What bnn_pool computes equals the network's nodes, and how long it takes for common pools."""

from __future__ import annotations

import numpy as np
import pytest

from flow.hardware.kernels.kernel import Frames
from flow.hardware.kernels.window_pool import WindowPool
from flow.hardware.stream import Element
from flow.network import MaxPool, SumPool
from flow.network.node import Window


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("pad", [(0, 0, 0, 0), (1, 0, 1, 2)])
def test_it_computes_the_node(total: bool, pad: tuple[int, int, int, int]) -> None:
    values = np.random.default_rng(5).integers(-8, 8, (2, 7, 6, 3))
    window = Window((2, 3), (2, 1), pad)
    mask = 0 if total else 0b101
    pool = WindowPool(
        *(7, 6, 3, 1, *window.size, *window.stride, *pad),
        elem_bits=4,
        signed=True,
        sum=total,
        minimum=mask,
    )
    minimum = np.array([mask >> c & 1 for c in range(3)], bool)
    node = SumPool("p", ("x",), window) if total else MaxPool("p", ("x",), window, minimum)
    out = pool.compute(Frames(values), {}, Element(pool.out_bits, signed=True)).values
    np.testing.assert_array_equal(out, node.compute([values]))
    assert out.shape[1:3] == (pool.down.windows, pool.across.windows)


@pytest.mark.parametrize(
    ("pool", "cycles"),
    [
        (WindowPool(32, 32, 8, 2, 2, 2, 2, 2), 32 * 32 * 4),
        (WindowPool(112, 112, 8, 8, 3, 3, 2, 2, 1, 1, 1, 1), 112 * 112),
        (WindowPool(112, 112, 8, 8, 3, 3, 2, 2, 0, 0, 1, 1), 112 * 112),
        (WindowPool(7, 7, 64, 4, 7, 7, 7, 7, sum=True), 7 * 7 * 16),
        # A position more a row; columns take one more, in which rows pass one.
        (WindowPool(32, 32, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1), 32 * 33 + 32 - 1),
    ],
)
def test_a_frame_takes(pool: WindowPool, cycles: int) -> None:
    assert pool.cycles == cycles
