"""bnn_maxpool: OR of every pool, one beat a cycle in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack

# height, width, channels, pe, pool height, pool width
SHAPES = [
    (4, 6, 4, 2, 2, 2),
    (4, 4, 3, 3, 2, 2),
    (6, 4, 2, 1, 3, 2),
    (4, 4, 8, 2, 4, 4),
    (2, 6, 5, 5, 1, 3),
    (6, 1, 4, 4, 2, 1),
    (3, 3, 2, 1, 1, 1),
    (4, 4, 1, 1, 2, 4),
]

MUTANTS = [
    Mutant(
        "bnn_maxpool.sv", "assign begins = px_q == '0 && py_q == '0;", "assign begins = px_q == '0;"
    ),
    Mutant("bnn_maxpool.sv", "(in_data | partial)", "(in_data ^ partial)"),
    Mutant("bnn_maxpool.sv", "if (!last_px) addr_q <= base_q;", "if (last_py) addr_q <= base_q;"),
]


def make_cases(rng: np.random.Generator, frames: int = 8) -> list[Case]:
    cases = []
    for height, width, channels, pe, pool_h, pool_w in SHAPES:
        # Mostly -1, so that the maxima are not all alike.
        maps = (rng.random((frames, height, width, channels)) < 1 / (pool_h * pool_w + 1)).astype(
            int
        )
        pooled = maps.reshape(
            frames, height // pool_h, pool_h, width // pool_w, pool_w, channels
        ).max(axis=(2, 4))
        cases.append(
            Case(
                {
                    "IfmHeight": height,
                    "IfmWidth": width,
                    "Channels": channels,
                    "Pe": pe,
                    "PoolH": pool_h,
                    "PoolW": pool_w,
                },
                pack(maps.reshape(-1, pe), 1),
                pack(pooled.reshape(-1, pe), 1),
                frames=frames,
                fast_frames=4,
                cycles_per_frame=height * width * channels // pe,
            )
        )
    return cases


def test_pools_at_full_rate(tmp_path: Path, rng: np.random.Generator) -> None:
    check("maxpool", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("maxpool", make_cases(rng), tmp_path, mutant)
