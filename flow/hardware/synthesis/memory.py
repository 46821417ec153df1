"""What a memory of weights or thresholds takes: counted by rule, not synthesised.

yosys maps a ROM that stands alone as the rules say, and tests check that. Inside a matrix-vector
unit it took 4 LUTs for a 64-word bit that needs 1 (measured on 512 lanes: 3,120 LUTs with
the ROM, 1,111 without), and a memory of 2.4 Mbit takes it half a minute and more. So `bnn_rom`
and `bnn_ram`, its loadable twin, are black boxes to yosys, and these rules stand for them.
"""

from __future__ import annotations

import math
from functools import cache

from flow.hardware.synthesis.utilisation import BlackBox, Utilisation

_URAM_SHAPE = (72, 4096)
"""Bits a word and words of an UltraRAM (UG573)."""
_BRAM_SHAPES = (
    # (bits a word, words, blocks of 36 Kbit)
    *((bits, 36864 // bits, 1.0) for bits in (72, 36, 18, 9)),
    *((bits, 32768 // bits, 1.0) for bits in (4, 2, 1)),
    *((bits, 18432 // bits, 0.5) for bits in (36, 18, 9)),
    *((bits, 16384 // bits, 0.5) for bits in (4, 2, 1)),
)


def lut_rom(width: int, depth: int) -> Utilisation:
    """Return a ROM in LUTs with its output register.

    64 words of one bit fill a LUT6; F7 and F8 multiplexers join 256 words for nothing. In deeper
    ones yosys spends about 0.42 LUTs more for each (0.34 to 0.5, measured at 512 to 9,216 words).
    """
    if depth <= 1:
        return Utilisation()
    leaves = math.ceil(depth / 64)
    joints = math.ceil(0.42 * leaves) if depth > 256 else 0
    return Utilisation(lut=width * (leaves + joints), ff=width)


def lut_rom_levels(depth: int) -> int:
    """Return the logic levels between the address and the output register."""
    groups, levels = math.ceil(depth / 256), 1 if depth > 1 else 0
    while groups > 1:
        groups = math.ceil(groups / 4)
        levels += 1
    return levels


@cache
def block_ram(width: int, depth: int) -> Utilisation:
    """Return a memory with one read port in block RAM, in blocks of 36 Kbit."""
    return Utilisation(
        bram36=min(
            math.ceil(width / bits) * math.ceil(depth / words) * blocks
            for bits, words, blocks in _BRAM_SHAPES
        )
    )


def prefers_block(width: int, depth: int) -> bool:
    """Return whether yosys puts a ROM of style "auto" in block RAM.

    It weighs 64 bits of a ROM in LUTs as 1, a RAMB18 as 129 and a RAMB36 as 257.
    """
    halves = 2 * block_ram(width, depth).bram36
    return width * depth / 64 > 128.5 * halves


def rom(width: int, depth: int, style: str, ports: int = 1) -> BlackBox:
    """Return a ROM of `depth` words; style "block", or LUTs for "distributed" and "logic".

    `ports`: equal addresses, each for a part of the word.

    "auto" is what yosys makes of it: block RAM only where that is much smaller (`prefers_block`).
    """
    if style == "block" or (style == "auto" and prefers_block(width, depth)):
        return BlackBox(block_ram(width, depth), 0.0)
    loads = math.ceil(width / ports) * math.ceil(depth / 64)
    return BlackBox(lut_rom(width, depth), lut_rom_levels(depth), loads)


def lut_ram(width: int, depth: int, family: str) -> Utilisation:
    """Return a writable memory in LUT RAM with its output register; `ram` chooses its shape.

    Every further 64 words cost a write enable and a way into the output's multiplexer.
    """
    if depth <= 1:
        return Utilisation(ff=width)
    tiles = ram(width, depth, family, block_allowed=False)
    leaves = math.ceil(depth / 64)
    joints = width * math.ceil((leaves - 1) / 3) + leaves * (leaves > 1)
    return Utilisation(lut=tiles.lut + joints, ff=width)


def lut_ram_levels(depth: int) -> int:
    """Return the logic levels between the read address and the output register."""
    leaves, levels = math.ceil(depth / 64), 1 if depth > 1 else 0
    while leaves > 1:
        leaves = math.ceil(leaves / 4)
        levels += 1
    return levels


def ultra_ram(width: int, depth: int) -> Utilisation:
    """Return a memory in UltraRAM."""
    bits, words = _URAM_SHAPE
    return Utilisation(uram=math.ceil(width / bits) * math.ceil(depth / words))


def loadable(width: int, depth: int, style: str, family: str) -> BlackBox:
    """Return a memory of one write and one read port whose contents are sent in after reset."""
    if style == "ultra":
        return BlackBox(ultra_ram(width, depth), 0.0)
    if style == "block":
        return BlackBox(block_ram(width, depth), 0.0)
    if style == "auto":
        found = ram(width, depth, family)
        if found.bram36 or depth <= 1:
            return BlackBox(found, 0.0)
    return BlackBox(lut_ram(width, depth, family), lut_ram_levels(depth))


def memory(width: int, depth: int, style: str, family: str, load: bool) -> Utilisation:
    """Return what `bnn_memory` keeps its words in: a ROM, or with `load` a loadable RAM."""
    box = loadable(width, depth, style, family) if load else rom(width, depth, style)
    return box.utilisation


@cache
def ram(width: int, depth: int, family: str, *, block_allowed: bool = True) -> Utilisation:
    """Return a writable memory with one write and one read port, as yosys places style "auto".

    It takes the cheaper of LUT RAM and block RAM (`_lut_ram_weight`; a RAMB18 is 129, a RAMB36
    257); a memory read without a clock (`block_allowed` false) cannot be block RAM.
    """
    if depth <= 1:
        return Utilisation()
    wide, deep, luts = (6, 3, 4) if family == "xc7" else (14, 7, 8)
    weights = {
        (bits, words): _lut_ram_weight(width, depth, bits, words, family)
        for bits, words in ((wide, 32), (deep, 64))
    }
    bits, words = min(weights, key=lambda shape: weights[shape])
    block = block_ram(width, depth)
    halves = 2 * block.bram36
    if block_allowed and weights[bits, words] > 128.5 * halves + 0.5 * (halves % 2):
        return block
    return Utilisation(lut=luts * math.ceil(width / bits) * math.ceil(depth / words))


def _lut_ram_weight(width: int, depth: int, bits: int, words: int, family: str) -> float:
    """Return yosys' price of LUT RAMs of `bits` a word (lutrams_*.txt, memory_libmap).

    Of a tile's price, `scaled` is for its width and paid for the bits that are used, the rest for
    each tile. What joins them counts half a bit of multiplexer and half a write enable each.
    """
    price, scaled = (8, 7) if family == "xc7" else (16, 16)
    slices = math.ceil(depth / words)
    tiles = slices * math.ceil(width / bits)
    joints = (slices - 1) * width / 2 + (slices / 2 if slices > 1 else 0)
    return (price - scaled) * tiles + scaled * slices * width / bits + joints
