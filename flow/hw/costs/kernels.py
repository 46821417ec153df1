"""Parameters of kernels from a layer's geometry, as the custom ops give them in a design.

The folding search prices layers that are in no graph yet; a test compares these with the
parameters of generated designs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

Parameters = dict[str, int | str]


def mvu(
    mw: int,
    mh: int,
    pe: int,
    simd: int,
    *,
    in_bits: int = 1,
    in_signed: bool = False,
    flags: bool = False,
    weight_bits: int = 1,
    steps: int = 1,
    code_bits: int = 1,
    code_low: int = 0,
    acc_bits: int | None = None,
    style: str = "auto",
    pixels: int = 1,
    loadable: bool = False,
) -> Parameters:
    """Return bnn_mvu's parameters.

    `acc_bits` (default: what MW terms need): of sums of wide inputs or weights, of sums that are
    compared with several thresholds, and of sums that go out.
    """
    if in_bits == weight_bits == steps == 1:
        scale = 2 if flags and simd % 2 else 1
        accumulator = (scale * mw).bit_length()
        threshold = (scale * mw + 1).bit_length()
    else:
        accumulator = acc_bits or sum_bits(mw, in_bits, in_signed, weight_bits)
        threshold = accumulator + 1
    return {
        "MW": mw,
        "MH": mh,
        "PE": pe,
        "SIMD": simd,
        "Pixels": pixels,
        "InBits": in_bits,
        "InSigned": f"1'b{int(in_signed)}",
        "WeightBits": weight_bits,
        "PadFlags": f"1'b{int(flags)}",
        "Steps": steps,
        "CodeBits": code_bits if steps > 1 else 1,
        "CodeLow": code_low if steps > 1 else 0,
        "AccBits": accumulator,
        "ThreshBits": threshold if steps else 1,
        "ThreshChunks": thresh_chunks(mh // pe, mw // simd, simd, in_bits, style, weight_bits)
        if steps == 1
        else 1,
        "ReadLatency": read_latency(style),
        "WeightStyle": f'"{style}"',
        "Loadable": f"1'b{int(loadable)}",
        "WeightFile": '"image.mem"',
        "ThreshFile": '"image.mem"' if steps else '""',
    }


def read_latency(style: str) -> int:
    """Return the cycles a weight memory takes: block RAM and UltraRAM have an output register."""
    return 2 if style in ("block", "ultra") else 1


def sum_latency(simd: int, in_bits: int, style: str, weight_bits: int = 1) -> int:
    """Return bnn_mvu's SumLatency: from a taken word to its place at the accumulator."""
    if weight_bits > 1:
        levels = 1 + (simd - 1).bit_length() + (in_bits > 1)
    elif in_bits > 1:
        levels = min(simd, 3) + (math.ceil(simd / 3) - 1).bit_length()
    else:
        levels = 3 + (math.ceil(simd / 16) - 1).bit_length()
    return read_latency(style) + levels


def thresh_chunks(
    nf: int, sf: int, simd: int, in_bits: int, style: str, weight_bits: int = 1
) -> int:
    """Return in how many rows a threshold lies: a LUT holds 64 bits, and NF are often few."""
    longest = min(sf, sum_latency(simd, in_bits, style, weight_bits) - 1, 64 // nf)
    return next((chunks for chunks in (4, 2) if chunks <= longest), 1)


def sum_bits(terms: int, in_bits: int = 1, in_signed: bool = False, weight_bits: int = 1) -> int:
    """Return the bits of a sum of `terms` products of an input and a weight, whatever they are.

    A 1-bit input is +-1, and so is a 1-bit weight.
    """
    peak = 1 if in_bits == 1 else 1 << (in_bits - 1) if in_signed else (1 << in_bits) - 1
    peak <<= weight_bits - 1
    return (terms * peak).bit_length() + 1


def sliding_window(
    size: tuple[int, int],
    channels: int,
    simd: int,
    *,
    elem_bits: int = 1,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    pad: tuple[int, int, int, int] = (0, 0, 0, 0),
    pixels_in: int = 1,
    pixels_out: int = 1,
) -> Parameters:
    """Return bnn_sliding_window's parameters; `pad` is top, left, bottom, right."""
    return {
        "IfmHeight": size[0],
        "IfmWidth": size[1],
        "Channels": channels,
        "Simd": simd,
        "ElemBits": elem_bits,
        "KernelH": kernel[0],
        "KernelW": kernel[1],
        "StrideH": stride[0],
        "StrideW": stride[1],
        "PadTop": pad[0],
        "PadLeft": pad[1],
        "PadBottom": pad[2],
        "PadRight": pad[3],
        "PixelsIn": pixels_in,
        "PixelsOut": pixels_out,
    }


def maxpool(
    size: tuple[int, int],
    channels: int,
    pe: int,
    pool: tuple[int, int],
    pixels: int = 1,
    elem_bits: int = 1,
    signed: bool = False,
) -> Parameters:
    """Return bnn_maxpool's parameters."""
    return {
        "IfmHeight": size[0],
        "IfmWidth": size[1],
        "Channels": channels,
        "Pe": pe,
        "PoolH": pool[0],
        "PoolW": pool[1],
        "Pixels": pixels,
        "ElemBits": elem_bits,
        "Signed": f"1'b{int(signed)}",
    }


def fifo(width: int, depth: int) -> Parameters:
    """Return bnn_fifo's parameters."""
    return {"Width": width, "Depth": depth}


def width_converter(width_in: int, width_out: int, pixels: int = 1) -> Parameters:
    """Return bnn_width_converter's parameters; the widths are those of one pixel."""
    return {"InWidth": width_in, "OutWidth": width_out, "Pixels": pixels}


def loader(words: int, memories: int = 16) -> Parameters:
    """Return bnn_loader's parameters for an image of so many payload words for so many memories."""
    return {"LoadWords": words, "ChainLength": memories}


def integer(parameters: Mapping[str, int | str], name: str, default: int = 0) -> int:
    """Return a parameter as a number; "1'b1" is 1."""
    value = parameters.get(name, default)
    return value if isinstance(value, int) else int(value.rpartition("b")[2], 2)


def shell(
    dma_width: int,
    in_width: int,
    in_words: int,
    *,
    in_beats: int,
    out_lanes: int,
    out_bits: int,
    out_signed: bool,
    out_dma_bits: int,
    out_words: int,
    load_words: int = 0,
) -> Parameters:
    """Return bnn_shell's parameters; the identity is any constant, as good as another.

    `load_words`: payload words of a loadable core's load image.
    """
    return {
        "Identity": "256'h" + "c35a" * 16,
        "DmaWidth": dma_width,
        "InWidth": in_width,
        "InWords": in_words,
        "InBeats": in_beats,
        "OutLanes": out_lanes,
        "OutElemBits": out_bits,
        "OutSigned": f"1'b{int(out_signed)}",
        "OutDmaBits": out_dma_bits,
        "OutWords": out_words,
        "Loadable": f"1'b{int(load_words > 0)}",
        "LoadWords": load_words,
    }
