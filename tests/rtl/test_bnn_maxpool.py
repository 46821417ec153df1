"""bnn_maxpool: OR or maximum of every pool, one beat a cycle in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack
from stream_models import side_by_side

# height, width, channels, pe, pool height, pool width, pixels a beat
SHAPES = [
    (4, 6, 4, 2, 2, 2, 1),
    (4, 4, 3, 3, 2, 2, 1),
    (6, 4, 2, 1, 3, 2, 1),
    (4, 4, 8, 2, 4, 4, 1),
    (2, 6, 5, 5, 1, 3, 1),
    (6, 1, 4, 4, 2, 1, 1),
    (3, 3, 2, 1, 1, 1, 1),
    (4, 4, 1, 1, 2, 4, 1),
    (4, 8, 4, 2, 2, 2, 2),
    (4, 8, 3, 1, 2, 2, 4),
    (4, 8, 2, 2, 2, 2, 8),
    (4, 8, 2, 1, 4, 4, 2),
    (4, 8, 1, 1, 2, 4, 2),
    (3, 6, 4, 2, 3, 3, 3),
    (2, 6, 2, 1, 2, 6, 3),
    (4, 6, 2, 2, 1, 1, 3),
    (2, 12, 3, 3, 2, 3, 6),
    (6, 4, 1, 1, 3, 4, 4),
]

# The same, bits of an element, signed.
WIDE_SHAPES = [
    (4, 6, 4, 2, 2, 2, 1, 2, True),
    (4, 4, 2, 1, 2, 2, 2, 3, False),
    (2, 6, 2, 2, 2, 3, 1, 8, True),
    (4, 8, 3, 1, 2, 2, 4, 4, True),
]

# The same, channels that take the smallest value.
MINIMUM_SHAPES = [
    (4, 6, 4, 2, 2, 2, 1, 1, False, 0b0110),
    (4, 4, 6, 2, 2, 2, 1, 1, False, 0b110010),
    (4, 8, 3, 1, 2, 2, 4, 1, False, 0b101),
    (2, 6, 5, 5, 1, 3, 1, 1, False, 0b10011),
    (4, 6, 4, 2, 2, 2, 1, 2, True, 0b1001),
    (4, 8, 3, 1, 2, 2, 4, 4, False, 0b011),
    (2, 6, 2, 2, 2, 3, 1, 8, True, 0b10),
]

MUTANTS = [
    Mutant("bnn_channel_mask.sv", "next_q <= GroupBits'(1);", "next_q <= GroupBits'(0);"),
    Mutant("bnn_maxpool.sv", "^ {ElemBits{out_flip[c%Pe]}}", "^ {ElemBits{out_flip[0]}}"),
    Mutant("bnn_maxpool.sv", "first_q <= last_px_q && ((last_addr_q)", "first_q <= ((last_addr_q)"),
    Mutant("bnn_maxpool.sv", "beat_q | partial;", "beat_q ^ partial;"),
    Mutant("bnn_maxpool.sv", "back = last_group_q && !last_px_q", "back = last_group_q"),
    Mutant("bnn_maxpool.sv", "again_q ? last_q : read_q", "read_q"),
    Mutant("bnn_max.sv", "flip = {Signed,", "flip = {1'b0 & Signed,"),
    Mutant("bnn_maxpool.sv", "(o*Joined+Joined-1)*Pe", "(o*Joined)*Pe"),
    Mutant("bnn_maxpool.sv", "bits[k] = turned[(o*Joined+k)", "bits[k] = turned[(o*Joined)"),
]


def make_cases(rng: np.random.Generator, frames: int = 8) -> list[Case]:
    cases = []
    shapes = [(*shape, 1, False, 0) for shape in SHAPES]
    shapes += [(*shape, 0) for shape in WIDE_SHAPES] + MINIMUM_SHAPES
    for height, width, channels, pe, pool_h, pool_w, pixels, bits, signed, minimum in shapes:
        # Mostly -1, or +1 for minima, so that the results are not all alike.
        shape = (frames, height, width, channels)
        maps = (rng.random(shape) < 1 / (pool_h * pool_w + 1)).astype(int)
        maps ^= np.array([minimum >> c & 1 for c in range(channels)])
        if bits > 1:
            low = -(1 << (bits - 1)) if signed else 0
            maps = rng.integers(low, low + (1 << bits), shape)
        least = np.array([minimum >> c & 1 for c in range(channels)], bool)
        pools = maps.reshape(frames, height // pool_h, pool_h, width // pool_w, pool_w, channels)
        pooled = np.where(least, pools.min(axis=(2, 4)), pools.max(axis=(2, 4)))
        cases.append(
            Case(
                {
                    "IfmHeight": height,
                    "IfmWidth": width,
                    "Channels": channels,
                    "Pe": pe,
                    "PoolH": pool_h,
                    "PoolW": pool_w,
                    "Pixels": pixels,
                    "ElemBits": bits,
                    "Signed": int(signed),
                    "Minimum": minimum,
                },
                pack(side_by_side(maps.reshape(-1, channels), pixels, pe), bits),
                pack(
                    side_by_side(pooled.reshape(-1, channels), max(1, pixels // pool_w), pe), bits
                ),
                frames=frames,
                fast_frames=4,
                cycles_per_frame=height * width * channels // pe // pixels,
            )
        )
    return cases


def test_pools_at_full_rate(tmp_path: Path, rng: np.random.Generator) -> None:
    check("maxpool", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("maxpool", make_cases(rng), tmp_path, mutant)
