"""What the cost of `bnn_mvu` depends on, and the geometries that it was measured on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flow.hardware.kernels.kernel import Features, bits_for
from flow.hardware.synthesis.memory import memory, ram
from flow.hardware.synthesis.utilisation import Utilisation

if TYPE_CHECKING:
    from flow.hardware.kernels.matrix_vector import MatrixVector

_LUT_PRODUCT_BITS = 8
"""Products of more bits are DSP slices (bnn_product)."""
_BITS = (
    # MW, MH, PE, SIMD, padding flags, thresholds
    (288, 32, 1, 4, True, True),
    (288, 64, 2, 8, True, True),
    (576, 64, 4, 32, True, True),
    (576, 64, 8, 8, False, True),
    (576, 64, 16, 16, True, True),
    (576, 64, 32, 32, True, True),
    (576, 64, 16, 64, False, True),
    (576, 64, 32, 64, True, True),
    (576, 64, 64, 2, True, True),
    (576, 64, 64, 8, False, True),
    (1152, 128, 8, 128, True, True),
    (1152, 128, 32, 64, True, True),
    (1152, 256, 2, 2, True, True),
    (1152, 256, 4, 16, False, True),
    (2304, 256, 16, 128, True, True),
    (2304, 256, 64, 8, False, True),
    (2304, 256, 1, 32, True, True),
    (4608, 512, 4, 16, True, True),
    (4608, 512, 8, 96, True, True),
    (4608, 512, 2, 256, True, True),
    (81, 16, 4, 9, True, True),
    (27, 8, 2, 3, True, True),
    (512, 512, 1, 8, False, True),
    (256, 512, 4, 32, False, True),
    (512, 10, 1, 4, False, False),
    (512, 10, 10, 16, False, False),
    (1024, 10, 2, 64, False, False),
    (64, 10, 1, 64, False, False),
)
_PIXELS = (
    # MW, MH, PE, SIMD, pixels, padding flags, bits of an input element
    (288, 64, 2, 8, 2, True, 1),
    (576, 64, 4, 32, 4, True, 1),
    (576, 64, 16, 64, 2, False, 1),
    (576, 64, 16, 32, 4, True, 1),
    (1152, 128, 8, 128, 2, True, 1),
    (144, 16, 16, 16, 16, True, 1),
    (27, 64, 16, 3, 4, False, 8),
    (27, 16, 16, 3, 16, False, 8),
)
_LOADABLE = (
    # MW, MH, PE, SIMD, pixels, style, thresholds
    (576, 64, 4, 32, 1, "distributed", True),
    (1152, 128, 8, 64, 2, "block", True),
    (4608, 512, 16, 64, 2, "ultra", True),
    (4608, 512, 8, 128, 1, "ultra", True),
    (512, 10, 2, 16, 1, "distributed", False),
)
_LATER = 512
"""Weight memories of more words lie in block RAM, here as in a folding."""
_WIDE = (
    # MW, MH, PE, SIMD, bits of an input element
    (27, 16, 2, 1, 8),
    (27, 64, 4, 3, 8),
    (27, 64, 8, 3, 8),
    (27, 64, 16, 3, 8),
    (27, 64, 32, 1, 8),
    (27, 64, 64, 3, 8),
    (27, 32, 4, 27, 8),
    (27, 64, 8, 9, 4),
)
_MULTI_BIT = (
    # MW, MH, PE, SIMD, bits of an input element, signed, of a weight, thresholds
    (27, 16, 2, 3, 8, True, 8, 1),
    (27, 16, 4, 9, 8, True, 8, 1),
    (512, 10, 1, 8, 1, False, 8, 0),
    (512, 10, 10, 16, 1, False, 8, 0),
    (72, 16, 4, 8, 2, False, 2, 1),
    (72, 16, 8, 8, 2, True, 4, 3),
    (72, 16, 2, 24, 4, False, 4, 1),
    (72, 16, 4, 8, 1, False, 4, 3),
    (576, 64, 4, 32, 1, False, 1, 3),
    (576, 64, 16, 16, 1, False, 1, 3),
    (576, 64, 4, 16, 1, False, 1, 15),
    (72, 16, 4, 8, 2, False, 1, 3),
    (27, 64, 8, 3, 8, True, 1, 3),
    (72, 16, 2, 8, 4, False, 1, 15),
)


def features(unit: MatrixVector, family: str) -> Features:
    """Return what the cost of a unit depends on; mirrors the structure of the module."""
    pe, simd, in_bits, weight_bits = unit.pe, unit.simd, unit.in_bits, unit.weight_bits
    pixels, chunks, sf, nf = unit.pixels, unit.thresh_chunks, unit.sf, unit.nf
    steps, flags, load = unit.steps, int(unit.pad_flags), unit.loadable
    thresholds, thresh_bits = min(steps, 1), unit.thresh_bits if steps else 1
    accumulator = unit.accumulator_bits + 1
    width = pixels * (simd * in_bits + flags)
    part = pe * max(steps, 1) * math.ceil(thresh_bits / chunks)
    weights = pe * simd * weight_bits
    memories = memory(weights, nf * sf, unit.weight_style, family, load)
    sizes = [(weights, nf * sf)]
    if thresholds:
        memories += memory(part, nf * chunks, "distributed", family, load)
        sizes.append((part, nf * chunks))
    if nf > 1:
        memories += ram(width, 1 << bits_for(2 * sf + 6 * (sf < 8)), family)  # bnn_replay's ring
    out_bits = unit.out_bits
    latency = unit.sum_latency
    neurons = pixels * pe  # every pixel has its own; the memories above serve all of them
    memories += ram(neurons * out_bits, (latency + 9) // sf + 2, family)
    control = bits_for(sf) + bits_for(nf) + bits_for(nf * sf)
    common = {"1": 1.0, "control": control, "width": width, "pe*out": neurons * out_bits}
    lut: dict[str, float]
    ff: dict[str, float]
    if in_bits == weight_bits == 1:
        blocks = math.ceil(simd / 16)
        lut = {
            "pe*simd": neurons * simd,
            "pe*(blocks-1)": neurons * (blocks - 1),
            "pe*flags": neurons * flags,
        }
        ff = {
            "pe*simd": neurons * simd,
            "pe*blocks": neurons * blocks,
            "pe*levels": neurons * bits_for(simd + 1),
        }
    elif weight_bits > 1:
        bits = in_bits + weight_bits
        product = neurons * simd * float(in_bits > 1)
        memories += Utilisation(dsp=product * (bits > _LUT_PRODUCT_BITS))
        lut = {
            "pe*simd*bits": neurons * simd * bits * float(in_bits == 1),
            "products": product * bits * (bits <= _LUT_PRODUCT_BITS),
            "pe*(simd-1)*bits": neurons * (simd - 1) * (bits + bits_for(simd)),
        }
        ff = {**lut}
    else:
        triples = math.ceil(simd / 3)
        lut = {
            "pe*simd*bits": neurons * simd * (in_bits + 1),
            "pe*(triples-1)*bits": neurons * (triples - 1) * (in_bits + 4),
            "threshold_row": pe * steps * thresh_bits,
        }
        ff = {**lut, "waiting": width + pe * simd}
    lut |= {"pe*acc": neurons * accumulator, "pe": neurons}
    lut |= {"pe*acc*thr": neurons * accumulator * thresholds}
    several = neurons * steps * float(steps > 1)
    lut |= {"compared": several * accumulator, "answers": several}
    ff |= {"answers": several}
    ff |= {
        "pe*acc": neurons * accumulator,
        "pe": neurons,
        "latency": latency * (1 + pixels * flags),
    }
    ff |= {
        "weights": weights * (unit.read_latency - 1),
        "meeting": width * (unit.read_latency - 1),
        "chunks": (chunks - 1) * part,
    }
    direct = {"direct": width if nf == 1 else 0}
    counters = sum(bits_for(depth) + bits_for(math.ceil(bits / 32)) for bits, depth in sizes)
    loading = {"links": len(sizes) * load, "link_counters": counters * load}
    rows = {"link_rows": sum(32 * math.ceil(bits / 32) for bits, _ in sizes) * load}
    return Features(
        memories,
        {**common, **lut, **direct, **loading},
        {**common, **ff, **direct, **loading, **rows},
    )


def measured(unit: type[MatrixVector], family: str) -> list[MatrixVector]:
    """Return the geometries that yosys measures for the cost model, in a family of devices."""
    bits = [
        unit(
            *(mw, mh, pe, simd),
            pad_flags=flags,
            steps=int(thresholds),
            weight_style=_style(mw, mh, pe, simd),
        )
        for mw, mh, pe, simd, flags, thresholds in _BITS
    ]
    wide = [
        unit(*(mw, mh, pe, simd), in_bits=bits, in_signed=True, weight_style="distributed")
        for mw, mh, pe, simd, bits in _WIDE
    ]
    if family != "xcup":
        return [bits[1], bits[4], bits[8], wide[0], wide[3]]
    return [*bits, *wide, *multi_bit(unit), *_pixels(unit), *_loadable(unit)]


def multi_bit(unit: type[MatrixVector]) -> list[MatrixVector]:
    """Return units with wide weights or several thresholds."""
    return [
        unit(
            *(mw, mh, pe, simd),
            in_bits=bits,
            in_signed=signed,
            weight_bits=weight_bits,
            steps=steps,
            code_bits=steps.bit_length(),
            weight_style="distributed",
        )
        for mw, mh, pe, simd, bits, signed, weight_bits, steps in _MULTI_BIT
    ]


def _pixels(unit: type[MatrixVector]) -> list[MatrixVector]:
    return [
        unit(
            *(mw, mh, pe, simd),
            pixels=pixels,
            pad_flags=flags,
            in_bits=bits,
            in_signed=bits > 1,
            weight_style=_style(mw, mh, pe, simd),
        )
        for mw, mh, pe, simd, pixels, flags, bits in _PIXELS
    ]


def _loadable(unit: type[MatrixVector]) -> list[MatrixVector]:
    return [
        unit(
            *(mw, mh, pe, simd),
            pixels=pixels,
            weight_style=style,
            steps=int(thresholds),
            loadable=True,
        )
        for mw, mh, pe, simd, pixels, style, thresholds in _LOADABLE
    ]


def _style(mw: int, mh: int, pe: int, simd: int) -> str:
    return "block" if (mh // pe) * (mw // simd) > _LATER else "distributed"
