"""Cases of kernels from their dataclasses: what goes in, what must come out."""

from __future__ import annotations

import numpy as np
from harness import Case, Image, pack

from flow.hardware.kernels.threshold_unit import ThresholdUnit
from flow.hardware.kernels.window_pool import WindowPool
from flow.hardware.reference import pool


def pool_case(
    kernel: WindowPool, rng: np.random.Generator, frames: int = 7, fast_frames: int = 4
) -> Case:
    """Draw maps for a pool: the lowest values alone, the highest alone, then any."""
    bits, signed = kernel.elem_bits, kernel.signed
    low, high = (-1, 1) if bits == 1 else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    if bits > 1 and not signed:
        low, high = 0, (1 << bits) - 1
    if kernel.sum_bits:  # fewer bits than any elements need: these are -1, 0 and 1
        low, high = -1, 1
    shape = (frames, kernel.ifm_height, kernel.ifm_width, kernel.channels)
    least = np.array([kernel.minimum >> c & 1 for c in range(kernel.channels)], bool)
    # Of bits few are high, or low for minima, so that the results are not all alike.
    share = 0.5 if kernel.sum else 1 / (kernel.pool_h * kernel.pool_w + 1)
    maps = np.where((rng.random(shape) < share) ^ least, high, low)
    if bits > 1:
        maps = rng.integers(low, high + 1, shape)
    maps[0], maps[1] = low, high
    window = ((kernel.pool_h, kernel.pool_w), (kernel.stride_h, kernel.stride_w))
    pad = (kernel.pad_top, kernel.pad_left, kernel.pad_bottom, kernel.pad_right)
    turned = np.where(least, -maps, maps)
    found = pool(turned, *window, pad, total=kernel.sum)
    outs = np.where(least, -found, found)
    if bits == 1:
        maps = (maps + 1) // 2
        outs = outs if kernel.sum else (outs + 1) // 2
    plain = {name: int(getattr(kernel, name.lower())) for name in ("Signed", "Sum", "Minimum")}
    return Case(
        {**kernel.parameters(), **plain},
        pack(maps.reshape(-1, kernel.pe), bits),
        pack(outs.reshape(-1, kernel.pe), kernel.out_bits),
        frames=frames,
        fast_frames=fast_frames,
        warm_frames=2,
        cycles_per_frame=kernel.cycles,
    )


def threshold_case(
    kernel: ThresholdUnit, rng: np.random.Generator, frames: int = 6, pixels: int = 12
) -> Case:
    """Draw steps, the ways that channels go, and frames of elements, the extremes among them."""
    bits = kernel.in_bits
    low = -1 if bits == 1 else -(1 << (bits - 1)) if kernel.in_signed else 0
    high = 1 if bits == 1 else low + (1 << bits) - 1
    falling = np.zeros(kernel.channels, bool)
    if kernel.falls:
        falling = rng.integers(0, 2, kernel.channels).astype(bool)
        falling[0] = not falling[-1]
    # Some channels are constant, some steps equal; the outermost are never or always taken.
    steps = np.sort(rng.integers(low, high + 2, (kernel.channels, kernel.steps)), axis=1)
    steps = steps - falling[:, None]
    steps[0], steps[-1, 0] = high + 1 - falling[0], low - falling[-1]
    values = rng.integers(low, high + 1, (frames * pixels, kernel.channels))
    if bits == 1:
        values = rng.choice([-1, 1], values.shape)
    values[0], values[1] = low, high
    taken = np.where(
        falling, (steps.T[:, None] >= values).sum(0), (steps.T[:, None] <= values).sum(0)
    )
    codes = kernel.code_low + taken
    elements = (values + 1) // 2 if bits == 1 else values
    plain = {"InSigned": kernel.in_signed, "Falls": kernel.falls, "Loadable": kernel.loadable}
    rows = [int.from_bytes(row.tobytes(), "little") for row in kernel.rows(steps, falling)]
    return Case(
        {
            **kernel.parameters(),
            **{name: int(value) for name, value in plain.items()},
            "ThreshStyle": kernel.thresh_style,
            "ThreshFile": Image(rows),
        },
        pack(elements.reshape(-1, kernel.pe), bits),
        pack(codes.reshape(-1, kernel.pe), kernel.code_bits),
        frames=frames,
        fast_frames=4,
        cycles_per_frame=pixels * kernel.groups,
    )
