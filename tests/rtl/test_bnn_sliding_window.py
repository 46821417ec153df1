"""bnn_sliding_window: right windows and flags, max(words in, words out) cycles a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Mutant, check, check_catches
from stream_models import Window, window_case

WINDOWS = [
    Window(5, 6, 4, 2, 1, (3, 3), (1, 1), (0, 0, 0, 0)),
    Window(5, 4, 4, 4, 1, (3, 3), (1, 1), (1, 1, 1, 1)),
    Window(4, 4, 6, 2, 1, (3, 3), (1, 1), (1, 1, 1, 1), 1),
    Window(6, 5, 3, 3, 8, (3, 3), (1, 1), (1, 1, 1, 1), 0),
    Window(7, 7, 2, 1, 2, (3, 3), (2, 2), (1, 1, 1, 1), 2),
    Window(6, 8, 2, 2, 1, (2, 2), (2, 2), (0, 0, 0, 0)),
    Window(7, 5, 2, 2, 1, (2, 2), (2, 2), (0, 0, 0, 0)),
    Window(4, 6, 4, 2, 3, (1, 1), (1, 1), (0, 0, 0, 0)),
    Window(5, 6, 4, 2, 1, (1, 1), (2, 2), (0, 0, 0, 0)),
    Window(9, 4, 2, 2, 1, (2, 1), (3, 2), (0, 0, 0, 0)),
    Window(6, 7, 3, 1, 1, (3, 2), (1, 2), (2, 0, 1, 0), 1),
    Window(5, 5, 2, 1, 1, (4, 5), (1, 1), (3, 1, 0, 4)),
    Window(3, 3, 2, 2, 1, (3, 3), (1, 1), (0, 0, 0, 0)),
    Window(2, 2, 8, 2, 1, (3, 3), (1, 1), (1, 1, 1, 1)),
    Window(1, 1, 2, 2, 1, (3, 3), (1, 1), (1, 1, 1, 1)),
    Window(1, 12, 2, 1, 1, (1, 3), (1, 1), (0, 0, 1, 1)),
    Window(12, 1, 1, 1, 4, (5, 1), (1, 1), (2, 2, 0, 0), 9),
    Window(2, 2, 1, 1, 1, (2, 2), (2, 2), (0, 0, 0, 0)),
    Window(6, 6, 2, 2, 1, (3, 3), (3, 3), (0, 0, 0, 0)),
    Window(6, 6, 1, 1, 1, (3, 3), (2, 1), (0, 2, 2, 0)),
]

PIXELS = [
    Window(4, 8, 4, 2, 1, (3, 3), (1, 1), (1, 1, 1, 1), 0, (2, 2)),
    Window(5, 8, 2, 2, 2, (3, 3), (1, 1), (1, 1, 1, 1), 1, (4, 8)),
    Window(3, 8, 6, 2, 1, (3, 3), (1, 1), (1, 1, 1, 1), 0, (8, 4)),
    Window(4, 6, 3, 1, 1, (3, 3), (1, 1), (1, 1, 1, 1), 1, (3, 2)),
    Window(4, 6, 2, 1, 1, (3, 3), (1, 1), (1, 1, 1, 1), 0, (2, 3)),
    Window(5, 9, 6, 2, 1, (3, 3), (1, 1), (0, 0, 0, 0), 0, (3, 7)),
    Window(4, 7, 2, 2, 3, (3, 5), (1, 1), (1, 1, 2, 2), 5, (7, 7)),
    Window(3, 10, 2, 1, 1, (1, 3), (1, 1), (0, 0, 1, 1), 0, (1, 5)),
    Window(6, 6, 4, 2, 1, (3, 3), (2, 1), (1, 1, 1, 1), 0, (1, 6)),
    Window(3, 6, 4, 1, 1, (1, 1), (1, 1), (0, 0, 0, 0), 0, (6, 2)),
    Window(4, 16, 2, 2, 1, (3, 3), (1, 1), (1, 1, 1, 1), 0, (16, 16)),
    Window(4, 16, 2, 2, 1, (3, 3), (1, 1), (1, 1, 1, 1), 0, (1, 14 + 2)),
    Window(6, 8, 2, 1, 1, (2, 2), (2, 2), (0, 0, 0, 0), 0, (4, 1)),
    Window(7, 9, 3, 1, 1, (3, 3), (2, 3), (1, 1, 1, 1), 0, (3, 1)),
    Window(4, 8, 5, 1, 1, (7, 7), (1, 1), (3, 3, 3, 3), 0, (2, 4)),
    Window(1, 1, 2, 1, 1, (3, 3), (1, 1), (1, 1, 1, 2), 0, (1, 2)),
]

MUTANTS = [
    Mutant("bnn_window_request.sv", "if (last_oy) frees =", "if (1'b0) frees ="),
    Mutant("bnn_window_request.sv", "pad_q <= side_col_q |", "pad_q <="),
    Mutant("bnn_window_buffer.sv", "!distance[PosBits+HaveBits-1] ||", "!have_row[0] ||"),
    Mutant("bnn_window_writer.sv", "&& !take_row)", ")"),
    Mutant("bnn_window_buffer.sv", "up = b < first_bank(s);", "up = 1'b0;"),
    Mutant("bnn_window_offset.sv", "(!last_kx_i && leaves_q) ? offset", "!last_kx_i ? offset"),
]


def test_windows_flags_and_pace(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = [window_case(window, rng, 8, 5, 2) for window in WINDOWS + PIXELS]
    check("sliding_window", cases, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    cases = [window_case(window, rng, 8, 5, 2) for window in WINDOWS[:8] + PIXELS[:8]]
    check_catches("sliding_window", cases, tmp_path, mutant)
