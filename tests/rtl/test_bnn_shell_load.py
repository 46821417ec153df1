"""bnn_shell with loadable weights: load, run, refuse, swap, through its registers and streams."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from harness import Case, Mutant, check, check_catches, pack, some_slow

from driver import interface
from driver.weight_image import build_weight_image, parse_weight_image

BEAT, CONTROL, UNTIL, READ = range(4)
RESET, CLEAR, LOAD = 1, 2, 4
LANES, WORDS = 3, 8
SCORE_BITS = 16

MUTANTS = [
    Mutant("bnn_shell.sv", "loading ? load_ready : image_ready", "image_ready"),
    Mutant("bnn_shell.sv", "s_axis_tvalid && awake && !loading", "s_axis_tvalid && awake"),
    Mutant("bnn_shell.sv", "load_valid && load_ready && s_axis_tlast", "load_valid && load_ready"),
    Mutant("bnn_shell.sv", "s_axis_tvalid && !loading", "s_axis_tvalid"),
]


class Script:
    """Operations on a shell with this DMA width, and what it must hand out."""

    def __init__(self, dma: int, rng: np.random.Generator) -> None:
        self.dma = dma
        self.rng = rng
        self.ins: list[int] = []
        self.outs: list[int] = []
        group = math.lcm(dma, 8 * LANES)
        self.beats = group * -(-WORDS * 8 * LANES // group) // dma
        self.key = np.zeros(LANES, np.uint8)

    def op(self, kind: int, data: int, last: bool = False) -> None:
        self.ins.append(kind << self.dma + 1 | int(last) << self.dma | data)

    def until(self, mask: int, value: int) -> None:
        self.op(UNTIL, mask << 16 | value)

    def read(self, address: int, value: int) -> None:
        self.op(READ, address)
        self.outs.append(value)

    def packet(self, data: bytes) -> None:
        octets = np.frombuffer(
            data.ljust(-(-len(data) * 8 // self.dma) * self.dma // 8, b"\0"), np.uint8
        )
        words = pack(octets.reshape(-1, self.dma // 8), 8)
        for k, word in enumerate(words):
            self.op(BEAT, word, last=k == len(words) - 1)

    def images(self, frames: int, loads: int = 0) -> None:
        pixels = self.rng.integers(0, 256, (frames, WORDS, LANES), dtype=np.uint8)
        sent = np.zeros((frames, self.beats * self.dma // 8), np.uint8)
        sent[:, : WORDS * LANES] = pixels.reshape(frames, -1)
        self.packet(sent.tobytes())
        per_beat = self.dma // SCORE_BITS
        scores = np.zeros((frames, -(-WORDS * LANES // per_beat) * per_beat), np.int64)
        scores[:, : WORDS * LANES] = (pixels ^ self.key).reshape(frames, -1)
        beats = pack(scores.reshape(-1, per_beat), SCORE_BITS)
        beats[-1] |= 1 << self.dma
        self.outs += beats
        self.until(interface.STATUS_BUSY, 0)

    def load(self, change: int | None = None, error: int = 0, cut: int = 0) -> None:
        """Load new rows; `change`: invert a bit of that byte first; `cut`: leave out the end."""
        rows = self.rng.integers(0, 256, (2, 5), dtype=np.uint8)
        image = bytearray(build_weight_image([rows]))
        sha256 = parse_weight_image(bytes(image), "image").sha256
        if change is not None:
            image[change] ^= 0x10
        self.op(CONTROL, LOAD)
        self.until(interface.STATUS_IN_RESET, 0)
        self.packet(bytes(image[: len(image) - cut]))
        if cut:
            self.until(interface.STATUS_LOADING, 0)
            self.read(0x10, 0)
            return
        if error:
            self.until(0x700, error << 8)
            self.read(0x10, error << 8)
            return
        self.until(interface.STATUS_LOADED, interface.STATUS_LOADED)
        self.read(0x10, interface.STATUS_LOADED)
        for k in range(8):
            self.read(0xC0 + 4 * k, int(sha256[8 * k : 8 * k + 8], 16))
        self.key = rows[0, :LANES]
        self.counters(0)

    def counters(self, frames: int) -> None:
        self.read(0x14, frames)
        self.read(0x18, frames)
        if not frames:
            self.read(0x1C, 0)  # weights are no images: nothing was counted
            self.read(0x30, 0)


def make_case(dma: int, rng: np.random.Generator) -> Case:
    script = Script(dma, rng)
    script.until(interface.STATUS_IN_RESET, 0)
    script.read(0x08, 1)
    script.read(0xE0, 4)
    script.load()
    script.images(3)
    script.images(1)
    script.counters(4)
    script.load()  # other weights
    script.images(2)
    for change, error in ((0, 1), (7, 2), (9, 3), (45, 4), (61, 4)):
        script.load(change, error)
    script.load()
    script.images(2)
    script.load(cut=dma // 8 + 4)
    script.load()
    script.images(1)
    script.op(CONTROL, RESET)
    script.until(interface.STATUS_IN_RESET, 0)
    script.read(0x10, 0)  # a reset: not loaded
    return Case(
        {"DmaWidth": dma, "Lanes": LANES, "Words": WORDS, "FrameBeats": script.beats},
        2 * script.ins,
        2 * script.outs,
        frames=2,
        fast_frames=1,
    )


def test_weights_are_loaded_refused_and_swapped(tmp_path: Path, rng: np.random.Generator) -> None:
    check("shell_load", [make_case(dma, rng) for dma in (32, 64, 128)], tmp_path)


@pytest.mark.parametrize("mutant", some_slow(MUTANTS, 1), ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path, rng: np.random.Generator) -> None:
    check_catches("shell_load", [make_case(64, rng)], tmp_path, mutant)
