"""bnn_shell: packets in, packets out, around a core that hands back what it gets."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack

# DMA bits, pixels' channels, words a frame, bits of a score in memory, frames inside at most
GEOMETRIES = [(128, 3, 16, 16, 2), (64, 3, 5, 16, 3), (32, 1, 6, 32, 2)]
FRAMES = 16

MUTANTS = [
    Mutant("bnn_shell.sv", "out_valid && awake", "out_valid || !awake"),
    Mutant("bnn_shell.sv", ".in_data_i   (tag_in_last)", ".in_data_i   (in_error)"),
    Mutant("bnn_shell.sv", ".tag_ready_i   (tag_in_ready)", ".tag_ready_i   (1'b1)"),
    Mutant("bnn_shell.sv", "in_ready && awake", "in_ready || !awake"),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for dma, lanes, words, out_bits, most in GEOMETRIES:
        group = math.lcm(dma, 8 * lanes)
        beats = group * -(-words * 8 * lanes // group) // dma
        values = rng.integers(-128, 128, (FRAMES, words * lanes))
        pixels = rng.integers(0, 256, (FRAMES, beats * dma // 8))
        pixels[:, : words * lanes] = values & 255
        last = rng.integers(0, 2, FRAMES)
        ins = pack(pixels.reshape(-1, dma // 8), 8)
        per_beat = dma // out_bits
        out_beats = -(-words * lanes // per_beat)
        scores = np.zeros((FRAMES, out_beats * per_beat), np.int64)
        scores[:, : words * lanes] = values
        outs = pack(scores.reshape(-1, per_beat), out_bits)
        for frame in np.flatnonzero(last):
            ins[(frame + 1) * beats - 1] |= 1 << dma
            outs[(frame + 1) * out_beats - 1] |= 1 << dma
        parameters = {
            "DmaWidth": dma,
            "Lanes": lanes,
            "Words": words,
            "FrameBeats": beats,
            "OutDmaBits": out_bits,
            "MaxFrames": most,
        }
        cases.append(Case(parameters, ins, outs, frames=FRAMES, fast_frames=4))
    return cases


def test_packets_leave_as_they_came(tmp_path: Path, rng: np.random.Generator) -> None:
    check("shell", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("shell", make_cases(rng), tmp_path, mutant)
