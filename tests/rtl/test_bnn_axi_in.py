"""bnn_axi_in: frames of words from packets of beats, what fills a frame up dropped, ends kept."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack

# DMA bits, word bits, words a frame
GEOMETRIES = [(128, 24, 16), (128, 24, 5), (64, 24, 8), (32, 8, 4), (64, 8, 3), (32, 48, 3)]
FRAMES = 12

MUTANTS = [
    Mutant("bnn_axi_in.sv", "word_q == WordBits'(Words - 1)", "word_q == WordBits'(Words)"),
    Mutant("bnn_axi_in.sv", "BeatBits'(FrameBeats - 2)", "BeatBits'(FrameBeats - 3)"),
    Mutant("bnn_axi_in.sv", "assign tag_last_o = s_axis_tlast", "assign tag_last_o = frame_o"),
    Mutant("bnn_axi_in.sv", "conv_ready && (!beat_last_q || tag_ready_i)", "conv_ready"),
    Mutant("bnn_axi_in.sv", "out_ready_i || !word_kept_q", "out_ready_i || rst_ni"),
]


def make_cases(rng: np.random.Generator) -> list[Case]:
    cases = []
    for dma, width, words in GEOMETRIES:
        beats = math.lcm(dma, width) * -(-words * width // math.lcm(dma, width)) // dma
        bits = rng.integers(0, 2, (FRAMES, beats * dma))
        last = rng.integers(0, 2, FRAMES)
        sent = np.zeros((FRAMES, beats, dma + 1), np.int64)
        sent[:, :, :dma] = bits.reshape(FRAMES, beats, dma)
        sent[:, -1, dma] = last
        ended = np.cumsum(last) - last
        outs = []
        for k in range(FRAMES):
            kept = bits[k].reshape(-1, width)[:words]
            outs += [word | int(ended[k]) << width for word in pack(kept, 1)]
        parameters = {"DmaWidth": dma, "WordWidth": width, "Words": words, "FrameBeats": beats}
        ins = pack(sent.reshape(-1, dma + 1), 1)
        cases.append(Case(parameters, ins, outs, frames=FRAMES, fast_frames=4))
    return cases


def test_words_and_packet_ends_arrive_in_order(tmp_path: Path, rng: np.random.Generator) -> None:
    check("axi_in", make_cases(rng), tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("axi_in", make_cases(rng), tmp_path, mutant)
