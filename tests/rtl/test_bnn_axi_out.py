"""bnn_axi_out: scores as plain integers in whole beats, a packet's end where its tag says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack

# DMA bits, lanes, bits of a score, signed, bits in memory, words a frame
GEOMETRIES = [
    (128, 1, 8, 1, 16, 10),
    (128, 5, 11, 1, 16, 2),
    (64, 2, 16, 1, 16, 4),
    (64, 1, 17, 1, 32, 3),
    (32, 10, 4, 0, 16, 1),
    (32, 1, 1, 0, 16, 2),
]
FRAMES = 12

MUTANTS = [
    Mutant("bnn_axi_out.sv", "Signed && elem[ElemBits-1]", "Signed && elem[0]"),
    Mutant("bnn_axi_out.sv", "beat_last_q && tag_last_i", "tag_last_i"),
    Mutant("bnn_axi_out.sv", "sent_ready && elem_real_q", "sent_ready"),
    Mutant(
        "bnn_axi_out.sv", "beat_valid && m_axis_tready && beat_last_q", "beat_valid && beat_last_q"
    ),
    Mutant("bnn_axi_out.sv", "ElemIndexBits'(Elems - 1)", "ElemIndexBits'(Elems - 2)"),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for dma, lanes, bits, signed, out_bits, words in GEOMETRIES:
        low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
        scores = rng.integers(low, high, (FRAMES, words * lanes))
        last = rng.integers(0, 2, FRAMES)
        ins = pack(scores.reshape(-1, lanes), bits)
        width = lanes * bits
        ins = [word | int(last[k // words]) << width for k, word in enumerate(ins)]
        per_beat = dma // out_bits
        beats = -(-words * lanes // per_beat)
        padded = np.zeros((FRAMES, beats * per_beat), np.int64)
        padded[:, : words * lanes] = scores
        outs = pack(padded.reshape(-1, per_beat), out_bits)
        for frame in np.flatnonzero(last):
            outs[frame * beats + beats - 1] |= 1 << dma
        parameters = {
            "DmaWidth": dma,
            "Lanes": lanes,
            "ElemBits": bits,
            "Signed": signed,
            "ElemOutBits": out_bits,
            "Words": words,
        }
        cases.append(Case(parameters, ins, outs, frames=FRAMES, fast_frames=4))
    return cases


def test_scores_and_packet_ends_arrive_in_order(tmp_path: Path, rng: np.random.Generator) -> None:
    check("axi_out", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("axi_out", make_cases(rng), tmp_path, mutant)
