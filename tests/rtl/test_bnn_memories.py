"""bnn_ram and bnn_rom: what was written or given is read, one cycle later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Case, Image, Mutant, check, check_catches, random_words

# Bits of a word, words, style. In block RAM: every width a port can have.
ROMS = [(72, 300, "block"), (30, 900, "block"), (9, 3000, "block"), (1, 20000, "block")]
MORE_ROMS = [(36, 600, "block"), (18, 1500, "block"), (4, 6000, "block"), (2, 9000, "block")]
RAMS = [(72, 600, "block"), (18, 1500, "block"), (1, 20000, "block"), (11, 70, "distributed")]
MORE_RAMS = [(36, 1000, "block"), (9, 3000, "block"), (4, 5000, "block"), (3, 300, "distributed")]
ULTRA_RAMS = [(100, 5000, "ultra")]
FRAMES, READS = 4, 60

MUTANTS = [
    ("rom", Mutant("bnn_rom.sv", "if (en_i) data_q", "data_q")),
    ("ram", Mutant("bnn_ram.sv", "if (wr_en_i) mem", "mem")),
]


def rom_case(width: int, depth: int, style: str, rng: np.random.Generator) -> Case:
    words = random_words(rng, depth, width)
    addresses = rng.integers(0, depth, FRAMES * READS)
    addresses[:2] = 0, depth - 1
    parameters = {"Width": width, "Depth": depth, "RomStyle": style, "File": Image(words)}
    outs = [words[int(a)] for a in addresses]
    return Case(parameters, [int(a) for a in addresses], outs, frames=FRAMES, fast_frames=2)


def ram_case(width: int, depth: int, style: str, rng: np.random.Generator) -> Case:
    """Some places are written first, then some written and others read at the same time."""
    bits = max(1, (depth - 1).bit_length())
    places = list(dict.fromkeys([0, depth - 1, *map(int, rng.integers(0, depth, READS))]))
    held: dict[int, int] = {}
    ins, outs = [], []

    def add(write: int, address: int, read: int, shown: bool = True) -> None:
        data = random_words(rng, 1, width)[0]
        show = int(shown and read in held)
        ins.append((((show << 1 | write) << bits | address) << width | data) << bits | read)
        if show:
            outs.append(held[read])
        if write:
            held[address] = data

    for place in places:
        add(1, place, places[0] if place else places[1])
    while len(outs) % FRAMES or len(ins) % FRAMES or len(outs) < FRAMES * READS:
        address, read = (int(a) for a in rng.choice(places, 2, replace=False))
        add(int(rng.integers(0, 2)), address, read)
        while len(outs) % FRAMES == 0 and len(ins) % FRAMES:  # whole frames
            add(0, address, read, shown=False)
    parameters = {"Width": width, "Depth": depth, "RamStyle": style}
    return Case(parameters, ins, outs, frames=FRAMES, fast_frames=2)


def make_cases(kernel: str, rng: np.random.Generator) -> list[Case]:
    if kernel == "rom":
        return [rom_case(*shape, rng) for shape in ROMS + MORE_ROMS]
    return [ram_case(*shape, rng) for shape in RAMS + MORE_RAMS + ULTRA_RAMS]


@pytest.mark.parametrize("kernel", ["rom", "ram"])
def test_what_is_there_is_read(kernel: str, tmp_path: Path, rng: np.random.Generator) -> None:
    check(kernel, make_cases(kernel, rng), tmp_path)


@pytest.mark.parametrize(("kernel", "mutant"), MUTANTS, ids=lambda value: str(value)[:8])
def test_testbench_catches(
    kernel: str, mutant: Mutant, tmp_path: Path, rng: np.random.Generator
) -> None:
    check_catches(kernel, make_cases(kernel, rng)[:3], tmp_path, mutant)
