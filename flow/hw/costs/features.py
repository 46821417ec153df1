"""What the cost of a kernel depends on: memories by rule, and features for the fit.

Each function mirrors the structure of one SystemVerilog module; the coefficients are measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flow.hw.costs.kernels import integer
from flow.hw.costs.memory import ram, rom
from flow.hw.netlist import Utilisation

Values = Mapping[str, int | str]


@dataclass(frozen=True)
class Features:
    """The memories of a kernel, counted, and the quantities its other LUTs and FFs grow with."""

    memories: Utilisation
    lut: Mapping[str, float]
    ff: Mapping[str, float]


def bits_for(count: int) -> int:
    """Return the bits of a counter of `count` states, at least 1."""
    return max(1, (count - 1).bit_length())


def _mvu(p: Values, family: str) -> Features:
    pe, simd, in_bits = (integer(p, name) for name in ("PE", "SIMD", "InBits"))
    pixels = integer(p, "Pixels", 1)
    sf, nf = integer(p, "MW") // simd, integer(p, "MH") // pe
    thresholds, flags = integer(p, "Steps"), integer(p, "PadFlags")
    accumulator = integer(p, "AccBits") + 1
    width = pixels * (simd * in_bits + flags)
    style = str(p.get("WeightStyle", '"auto"')).strip('"')
    memories = rom(pe * simd, nf * sf, style).utilisation
    if thresholds:
        memories += rom(pe * integer(p, "ThreshBits"), nf, "auto").utilisation
    if nf > 1:
        depth = math.ceil(8 / sf) * sf if sf < 4 else 2 * sf
        memories += ram(width, depth, family)
    out_bits = 1 if thresholds else integer(p, "AccBits")
    if in_bits == 1:
        latency = 2 + bits_for(math.ceil(simd / 18)) * (simd > 18)
    else:
        latency = 1 + bits_for(simd) * (simd > 1)
    pe *= pixels  # every pixel has its neurons; the memories above serve all of them
    memories += ram(pe * out_bits, (latency + 8) // sf + 2, family)
    control = bits_for(sf) + bits_for(nf) + bits_for(nf * sf)
    common = {"1": 1.0, "control": control, "width": width, "pe*out": pe * out_bits}
    if in_bits == 1:
        blocks = math.ceil(simd / 18)
        lut = {"pe*simd": pe * simd, "pe*(blocks-1)": pe * (blocks - 1), "pe*flags": pe * flags}
        ff = {"pe*blocks": pe * blocks, "pe*levels": pe * bits_for(simd + 1)}
    else:
        lut = {"pe*simd*bits": pe * simd * (in_bits + 1), "pe*(simd-1)": pe * (simd - 1)}
        ff = {**lut}
    lut |= {"pe*acc": pe * accumulator, "pe": pe, "pe*acc*thr": pe * accumulator * thresholds}
    ff |= {"pe*acc": pe * accumulator, "pe": pe, "nf_pipe": latency * bits_for(nf)}
    direct = {"direct": width if nf == 1 else 0}
    return Features(memories, {**common, **lut, **direct}, {**common, **ff, **direct})


def window_rows(p: Values) -> tuple[int, int]:
    """Return (rows the ring of bnn_sliding_window holds, words of a row)."""
    height, width = integer(p, "IfmHeight"), integer(p, "IfmWidth")
    kernel, stride = integer(p, "KernelH"), integer(p, "StrideH", 1)
    top, bottom = integer(p, "PadTop"), integer(p, "PadBottom")
    words = width * (integer(p, "Channels") // integer(p, "Simd"))
    last = ((height + top + bottom - kernel) // stride) * stride
    used = min(last + kernel - top, height)
    first = min(kernel - top, height)
    seam = used - max(last - top, 0) + first
    return max(seam, kernel + stride) + math.ceil(16 / words), words


def _window(p: Values, family: str) -> Features:
    width = integer(p, "Simd") * integer(p, "ElemBits", 1)
    rows, words = window_rows(p)
    memory = ram(width, rows * words, family)
    address = bits_for(rows * words)
    padded = float(bool(integer(p, "PadTop") or integer(p, "PadLeft")))
    lut = {
        "1": 1.0,
        "width": width,
        "address": address,
        "rows": rows,
        "padded": padded,
        "deep": width * max(0, math.ceil(rows * words / 64) - 1) * float(memory.bram36 == 0),
    }
    registered = width * float(memory.bram36 == 0)
    return Features(
        memory,
        lut,
        {"1": 1.0, "width": width, "address": address, "rows": rows, "registered": registered},
    )


def _fifo(p: Values, family: str) -> Features:
    width, depth = integer(p, "Width"), integer(p, "Depth")
    memory = ram(width, depth, family)
    deep = width * max(0, math.ceil(depth / 64) - 1) * float(memory.bram36 == 0)
    count = bits_for(depth)
    registered = width * float(memory.bram36 == 0)
    return Features(
        memory,
        {"1": 1.0, "count": count, "deep": deep},
        {"1": 1.0, "count": count, "registered": registered},
    )


def _converter(p: Values, _: str) -> Features:
    width_in, width_out = integer(p, "InWidth"), integer(p, "OutWidth")
    common = math.gcd(width_in, width_out)
    up, down = width_out // common, width_in // common
    wide = up * width_in
    features = {
        "1": 1.0,
        "in": width_in,
        "up": wide * float(up > 1),
        "up_ratio": bits_for(up) * float(up > 1),
        "down_in": wide * float(down > 1),
        "down_out": width_out * float(down > 1),
        "down_ratio": bits_for(down) * float(down > 1),
    }
    return Features(Utilisation(), features, features)


def _maxpool(p: Values, family: str) -> Features:
    pe = integer(p, "Pe")
    depth = integer(p, "IfmWidth") // integer(p, "PoolW") * (integer(p, "Channels") // pe)
    memory = ram(pe, depth, family, block_allowed=False)
    deep = pe * max(0, math.ceil(depth / 64) - 1)
    features = {"1": 1.0, "pe": pe, "address": bits_for(depth), "deep": deep}
    return Features(memory, features, {k: v for k, v in features.items() if k != "deep"})


def _labels(p: Values, _: str) -> Features:
    features = {
        "1": 1.0,
        "in": integer(p, "Lanes") * integer(p, "InBits"),
        "bits": integer(p, "InBits"),
    }
    return Features(Utilisation(), features, features)


def _offset(p: Values, _: str) -> Features:
    features = {"1": 1.0, "in": integer(p, "Lanes") * integer(p, "InBits")}
    return Features(Utilisation(), features, features)


def _table(p: Values, _: str) -> Features:
    lanes, bits = integer(p, "Lanes"), integer(p, "OutBits")
    memories = Utilisation()
    for _lane in range(lanes):
        memories += rom(bits, 1 << integer(p, "InBits"), "auto").utilisation
    features = {"1": 1.0, "in": lanes * integer(p, "InBits"), "out": lanes * bits}
    return Features(memories, features, features)


def _loader(p: Values, _: str) -> Features:
    features = {"1": 1.0, "count": bits_for(integer(p, "LoadWords") + 1)}
    return Features(Utilisation(), features, features)


def _shell(p: Values, _: str) -> Features:
    scores = integer(p, "OutLanes") * integer(p, "OutElemBits")
    features = {"1": 1.0, "dma": integer(p, "DmaWidth"), "out": scores}
    return Features(Utilisation(), features, features)


FEATURES: Mapping[str, Callable[[Values, str], Features]] = {
    "bnn_mvu": _mvu,
    "bnn_sliding_window": _window,
    "bnn_fifo": _fifo,
    "bnn_width_converter": _converter,
    "bnn_maxpool": _maxpool,
    "bnn_label_select": _labels,
    "bnn_input_offset": _offset,
    "bnn_input_table": _table,
    "bnn_loader": _loader,
    "bnn_shell": _shell,
}


def variant(module: str, parameters: Values) -> str:
    """Return the name of the fit: wide and 1-bit inputs of a matrix-vector unit differ."""
    if module == "bnn_mvu":
        return "bnn_mvu/1" if integer(parameters, "InBits") == 1 else "bnn_mvu/n"
    return module
