"""The geometries that yosys measured the cost model on."""

from __future__ import annotations

from flow.hardware import kernel as hardware
from flow.hardware.kernels import (
    Fifo,
    InputOffset,
    InputTable,
    Loader,
    MaxPool,
    Shell,
    SlidingWindow,
    WidthConverter,
)
from flow.hardware.matrix_vector import MatrixVector
from flow.hardware.synthesis.mapping import Kernel

_ANY_IMAGE = '"image.mem"'
_MVU_BITS = (
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
_MVU_PIXELS = (
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
_MVU_LOADABLE = (
    # MW, MH, PE, SIMD, pixels, style, thresholds
    (576, 64, 4, 32, 1, "distributed", True),
    (1152, 128, 8, 64, 2, "block", True),
    (4608, 512, 16, 64, 2, "ultra", True),
    (4608, 512, 8, 128, 1, "ultra", True),
    (512, 10, 2, 16, 1, "distributed", False),
)
_MVU_LATER = 512
"""Weight memories of more words lie in block RAM, here as in a folding."""
_MVU_WIDE = (
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
_MVU_MULTI_BIT = (
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
_WINDOWS = (
    # H and W, channels, SIMD, bits, padding
    (32, 3, 3, 8, 1),
    (32, 3, 1, 8, 1),
    (32, 3, 3, 8, 0),
    (32, 16, 2, 1, 1),
    (32, 64, 64, 1, 1),
    (32, 64, 8, 1, 1),
    (30, 64, 32, 1, 0),
    (28, 64, 4, 1, 0),
    (16, 128, 32, 1, 1),
    (16, 64, 4, 1, 1),
    (12, 128, 16, 1, 0),
    (8, 256, 64, 1, 1),
    (8, 128, 1, 1, 1),
    (5, 256, 4, 1, 0),
    (4, 512, 64, 1, 1),
    (4, 512, 8, 1, 1),
    (3, 256, 2, 1, 0),
    (4, 512, 256, 1, 1),
)
_WINDOWS_PIXELS = (
    # H and W, channels, SIMD, bits, padding, pixels in, pixels out
    (32, 3, 3, 8, 1, 1, 4),
    (32, 3, 3, 8, 1, 1, 16),
    (32, 64, 64, 1, 1, 4, 4),
    (32, 64, 16, 1, 1, 2, 4),
    (32, 16, 16, 1, 1, 16, 16),
    (16, 128, 32, 1, 1, 2, 2),
    (16, 64, 8, 1, 1, 1, 8),
    (8, 256, 64, 1, 1, 2, 4),
    (8, 128, 8, 1, 1, 8, 2),
    (4, 512, 128, 1, 1, 4, 4),
    (30, 64, 32, 1, 0, 2, 4),
    (14, 64, 16, 1, 0, 7, 2),
)
_FIFOS = ((1, 32), (8, 32), (32, 32), (128, 32), (65, 16), (8, 512), (64, 2), (16, 1024))
_CONVERTERS = (
    *((8, 8), (24, 24), (4, 16), (1, 64), (8, 64), (64, 256), (16, 4), (64, 8), (128, 32)),
    *((160, 4), (12, 8), (48, 64), (32, 36)),
    *((16, 64, 4), (64, 16, 2), (8, 8, 4), (12, 8, 2)),
)
_POOLS = (
    # H and W, channels, PE, pool, pixels (1 where left out)
    (32, 64, 16, 2),
    (32, 64, 64, 2),
    (16, 128, 4, 2),
    (8, 256, 32, 2),
    (4, 512, 8, 4),
    (28, 64, 1, 2),
    (4, 512, 128, 4),
    (32, 64, 16, 2, 2),
    (32, 64, 16, 2, 8),
    (16, 128, 32, 2, 4),
    (4, 512, 32, 4, 2),
)


def _style(mw: int, mh: int, pe: int, simd: int) -> str:
    return "block" if (mh // pe) * (mw // simd) > _MVU_LATER else "distributed"


def mappable(kernel: hardware.Kernel) -> Kernel:
    """Return a kernel as yosys is to map it: with a name for each memory image."""
    images = {memory.parameter: _ANY_IMAGE for memory in kernel.memories()}
    if isinstance(kernel, MatrixVector) and not kernel.steps:
        images["ThreshFile"] = '""'
    return Kernel.of(kernel.module, {**kernel.parameters(), **images})


def _with_pixels() -> list[hardware.Kernel]:
    """Return kernels of several pixels at a time, and of loadable weights."""
    found: list[hardware.Kernel] = [
        MatrixVector(
            mw,
            mh,
            pe,
            simd,
            pixels=pixels,
            pad_flags=flags,
            in_bits=bits,
            in_signed=bits > 1,
            weight_style=_style(mw, mh, pe, simd),
        )
        for mw, mh, pe, simd, pixels, flags, bits in _MVU_PIXELS
    ]
    found += [
        MatrixVector(
            mw,
            mh,
            pe,
            simd,
            pixels=pixels,
            weight_style=style,
            steps=int(thresholds),
            loadable=True,
        )
        for mw, mh, pe, simd, pixels, style, thresholds in _MVU_LOADABLE
    ]
    found += [
        _window(size, channels, simd, bits, pad, pixels_in, pixels_out)
        for size, channels, simd, bits, pad, pixels_in, pixels_out in _WINDOWS_PIXELS
    ]
    return found


def _window(
    size: int,
    channels: int,
    simd: int,
    bits: int,
    pad: int,
    pixels_in: int = 1,
    pixels_out: int = 1,
) -> SlidingWindow:
    return SlidingWindow(
        size,
        size,
        channels,
        simd,
        elem_bits=bits,
        pad_top=pad,
        pad_left=pad,
        pad_bottom=pad,
        pad_right=pad,
        pixels_in=pixels_in,
        pixels_out=pixels_out,
    )


def _pool(size: int, channels: int, pe: int, pool: int, pixels: int = 1) -> MaxPool:
    return MaxPool(size, size, channels, pe, pool, pool, pixels)


def multi_bit() -> list[MatrixVector]:
    """Return matrix-vector units with wide weights or several thresholds."""
    return [
        MatrixVector(
            mw,
            mh,
            pe,
            simd,
            in_bits=bits,
            in_signed=signed,
            weight_bits=weight_bits,
            steps=steps,
            code_bits=steps.bit_length(),
            weight_style="distributed",
        )
        for mw, mh, pe, simd, bits, signed, weight_bits, steps in _MVU_MULTI_BIT
    ]


def _shells() -> list[Shell]:
    return [
        Shell(
            dma_width=dma,
            in_width=24,
            in_words=1024,
            in_beats=24 * 1024 // dma,
            out_lanes=lanes,
            out_elem_bits=bits,
            out_signed=True,
            out_dma_bits=16,
            out_words=10 // lanes,
            load_words=words,
        )
        for dma, lanes, bits, words in (
            *((64, 1, 10, 0), (128, 1, 11, 0), (128, 10, 10, 0), (32, 2, 9, 0)),
            *((128, 1, 11, 50_000), (64, 1, 10, 500_000)),
        )
    ]


def grid() -> list[tuple[str, Kernel]]:
    """Return (family, kernel) of every measurement."""
    kernels: list[hardware.Kernel] = [
        MatrixVector(
            mw,
            mh,
            pe,
            simd,
            pad_flags=flags,
            steps=int(thresholds),
            weight_style=_style(mw, mh, pe, simd),
        )
        for mw, mh, pe, simd, flags, thresholds in _MVU_BITS
    ]
    kernels += [
        MatrixVector(mw, mh, pe, simd, in_bits=bits, in_signed=True, weight_style="distributed")
        for mw, mh, pe, simd, bits in _MVU_WIDE
    ]
    kernels += [_window(*shape) for shape in _WINDOWS]
    kernels += [Fifo(*shape) for shape in _FIFOS]
    kernels += [WidthConverter(*shape) for shape in _CONVERTERS]
    kernels += [_pool(*shape) for shape in _POOLS]
    kernels += multi_bit()
    found = [mappable(kernel) for kernel in kernels]
    found += [
        Kernel.of("bnn_label_select", {"NumLabels": 10, "InBits": bits, "Lanes": lanes})
        for bits, lanes in ((10, 1), (11, 10), (12, 2))
    ]
    kernels = [InputOffset(lanes, offset=128) for lanes in (1, 3)]
    kernels += [InputTable(lanes, bits) for lanes, bits in ((3, 1), (3, 8), (1, 4))]
    kernels += [*_shells(), *_with_pixels()]
    kernels += [Loader(words) for words in (1000, 50_000, 500_000)]
    found += [mappable(kernel) for kernel in kernels]
    on_xc7 = [found[k] for k in (1, 4, 8, 28, 31, 36, 39, 43, 49)]
    small = [k for k in found if k.module in ("bnn_fifo", "bnn_maxpool")]
    return [*(("xcup", k) for k in found), *(("xc7", k) for k in [*on_xc7, *small])]
