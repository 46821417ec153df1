"""What the cost of a kernel depends on: memories by rule, and features for the fit.

Each function mirrors the structure of one SystemVerilog module; the coefficients are measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flow.hardware.costs.memory import block_ram, memory, ram, rom
from flow.hardware.kernel import Kernel
from flow.hardware.kernels import (
    Fifo,
    InputOffset,
    InputTable,
    LabelSelect,
    Loader,
    MaxPool,
    Shell,
    SlidingWindow,
    WidthConverter,
    pooled_pixels,
)
from flow.hardware.matrix_vector import MatrixVector
from flow.hardware.synthesis.utilisation import Utilisation

_LUT_PRODUCT_BITS = 8
"""Products of more bits are DSP slices (bnn_product)."""


@dataclass(frozen=True)
class Features:
    """The memories of a kernel, counted, and the quantities its other LUTs and FFs grow with."""

    memories: Utilisation
    lut: Mapping[str, float]
    ff: Mapping[str, float]


def bits_for(count: int) -> int:
    """Return the bits of a counter of `count` states, at least 1."""
    return max(1, (count - 1).bit_length())


def _matrix_vector(unit: MatrixVector, family: str) -> Features:
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


def _window(ring: SlidingWindow, family: str) -> Features:
    width = ring.simd * ring.elem_bits
    pixels_out = ring.pixels_out
    bank = (
        block_ram(width, ring.bank_depth)
        if ring.bank_depth > 512
        else ram(width, ring.bank_depth, family)
    )
    in_luts = float(bank.bram36 == 0)
    memories = Utilisation()
    for _bank in range(ring.banks):
        memories += bank
    address = bits_for(ring.bank_depth)
    several = float(ring.banks > 1)
    out = pixels_out * width
    common = {
        "1": 1.0,
        "out": out,
        "pixels": pixels_out,
        "address": address,
        "rows": bits_for(ring.num_rows),
        "banks": ring.banks * several,
        "bank_address": ring.banks * address * several,
    }
    padded = float(bool(ring.pad_top or ring.pad_left))
    common |= {"padded": padded, "padded_address": padded * address}
    lut = {
        **common,
        "turned": out * math.ceil((ring.orders - 1) / 3) * several,
        "deep": ring.banks * width * max(0, math.ceil(ring.bank_depth / 64) - 1) * in_luts,
    }
    ff = {**common, "turned": out * several, "registered": ring.banks * width * in_luts}
    return Features(memories, lut, ff)


def _fifo(kernel: Fifo, family: str) -> Features:
    width, depth = kernel.width, kernel.depth
    memory = ram(width, depth, family)
    deep = width * max(0, math.ceil(depth / 64) - 1) * float(memory.bram36 == 0)
    count = bits_for(depth)
    registered = width * float(memory.bram36 == 0)
    return Features(
        memory,
        {"1": 1.0, "count": count, "deep": deep},
        {"1": 1.0, "count": count, "registered": registered},
    )


def _converter(kernel: WidthConverter, _: str) -> Features:
    width_in, width_out = kernel.in_width, kernel.out_width
    pixels = kernel.pixels
    common = math.gcd(width_in, width_out)
    up, down = width_out // common, width_in // common
    wide = pixels * up * width_in
    features = {
        "1": 1.0,
        "in": pixels * width_in,
        "up": wide * float(up > 1),
        "up_ratio": bits_for(up) * float(up > 1),
        "down_in": wide * float(down > 1),
        "down_out": pixels * width_out * float(down > 1),
        "down_ratio": bits_for(down) * float(down > 1),
    }
    return Features(Utilisation(), features, features)


def _maxpool(kernel: MaxPool, family: str) -> Features:
    pe, pixels, pool = kernel.pe, kernel.pixels, kernel.pool_w
    width = pooled_pixels(pixels, pool) * pe
    beats = max(1, pool // pixels)
    depth = kernel.ifm_width // (pixels * beats) * (kernel.channels // pe)
    memory_luts = ram(width, depth, family, block_allowed=False)
    deep = width * max(0, math.ceil(depth / 64) - 1)
    features = {"1": 1.0, "in": pixels * pe, "out": width, "address": bits_for(depth)}
    return Features(memory_luts, {**features, "deep": deep}, features)


def _labels(kernel: LabelSelect, _: str) -> Features:
    features = {
        "1": 1.0,
        "in": kernel.lanes * kernel.in_bits,
        "bits": kernel.in_bits,
    }
    return Features(Utilisation(), features, features)


def _offset(kernel: InputOffset, _: str) -> Features:
    features = {"1": 1.0, "in": kernel.lanes * kernel.in_bits}
    return Features(Utilisation(), features, features)


def _table(kernel: InputTable, _: str) -> Features:
    lanes, bits = kernel.lanes, kernel.out_bits
    memories = Utilisation()
    for _lane in range(lanes):
        memories += rom(bits, 1 << kernel.in_bits, "auto").utilisation
    features = {"1": 1.0, "in": lanes * kernel.in_bits, "out": lanes * bits}
    return Features(memories, features, features)


def _loader(kernel: Loader, _: str) -> Features:
    features = {"1": 1.0, "count": bits_for(kernel.load_words + 1)}
    return Features(Utilisation(), features, features)


def _shell(kernel: Shell, _: str) -> Features:
    scores = kernel.out_lanes * kernel.out_elem_bits
    features = {
        "1": 1.0,
        "dma": kernel.dma_width,
        "out": scores,
        "loadable": float(kernel.load_words > 0),
    }
    return Features(Utilisation(), features, features)


_FEATURES: Mapping[type[Kernel], Callable[[Any, str], Features]] = {
    MatrixVector: _matrix_vector,
    SlidingWindow: _window,
    Fifo: _fifo,
    WidthConverter: _converter,
    MaxPool: _maxpool,
    LabelSelect: _labels,
    InputOffset: _offset,
    InputTable: _table,
    Loader: _loader,
    Shell: _shell,
}


def features_of(kernel: Kernel, family: str) -> Features:
    """Return what the cost of a kernel depends on, in a family of devices."""
    return _FEATURES[type(kernel)](kernel, family)


def variant(kernel: Kernel) -> str:
    """Return the name of the fit: a matrix-vector unit's wide weights, wide and 1-bit inputs."""
    if isinstance(kernel, MatrixVector):
        if kernel.weight_bits > 1:
            return "bnn_mvu/w"
        return "bnn_mvu/1" if kernel.in_bits == 1 else "bnn_mvu/n"
    return kernel.module
