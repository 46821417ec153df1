"""The geometries that yosys measured the cost model on."""

from __future__ import annotations

from flow.hw.costs import kernels
from flow.hw.synthesis import Kernel

_MVU_BITS = (
    # MW, MH, PE, SIMD, padding flags, thresholds
    (288, 32, 1, 4, True, True),
    (288, 64, 2, 8, True, True),
    (576, 64, 4, 32, True, True),
    (576, 64, 8, 8, False, True),
    (576, 64, 16, 16, True, True),
    (576, 64, 32, 32, True, True),
    (576, 64, 16, 64, False, True),
    (576, 64, 64, 64, True, True),
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
_FIFOS = ((1, 32), (8, 32), (32, 32), (128, 32), (65, 16), (8, 512), (64, 2), (16, 1024))
_CONVERTERS = (
    *((8, 8), (24, 24), (4, 16), (1, 64), (8, 64), (64, 256), (16, 4), (64, 8), (128, 32)),
    *((160, 4), (12, 8), (48, 64), (32, 36)),
)
_POOLS = (
    # H and W, channels, PE, pool
    (32, 64, 16, 2),
    (32, 64, 64, 2),
    (16, 128, 4, 2),
    (8, 256, 32, 2),
    (4, 512, 8, 4),
    (28, 64, 1, 2),
    (4, 512, 128, 4),
)


def grid() -> list[tuple[str, Kernel]]:
    """Return (family, kernel) of every measurement."""
    found = [
        Kernel.of("bnn_mvu", kernels.mvu(mw, mh, pe, simd, flags=flags, steps=int(thresholds)))
        for mw, mh, pe, simd, flags, thresholds in _MVU_BITS
    ]
    found += [
        Kernel.of("bnn_mvu", kernels.mvu(mw, mh, pe, simd, in_bits=bits, in_signed=True))
        for mw, mh, pe, simd, bits in _MVU_WIDE
    ]
    found += [
        Kernel.of(
            "bnn_sliding_window",
            kernels.sliding_window(
                (size, size), channels, simd, elem_bits=bits, pad=(pad, pad, pad, pad)
            ),
        )
        for size, channels, simd, bits, pad in _WINDOWS
    ]
    found += [Kernel.of("bnn_fifo", kernels.fifo(*shape)) for shape in _FIFOS]
    found += [
        Kernel.of("bnn_width_converter", kernels.width_converter(*shape)) for shape in _CONVERTERS
    ]
    found += [
        Kernel.of("bnn_maxpool", kernels.maxpool((size, size), channels, pe, (pool, pool)))
        for size, channels, pe, pool in _POOLS
    ]
    found += [
        Kernel.of("bnn_label_select", {"NumLabels": 10, "InBits": bits, "Lanes": lanes})
        for bits, lanes in ((10, 1), (11, 10), (12, 2))
    ]
    found += [
        Kernel.of("bnn_input_offset", {"Lanes": lanes, "InBits": 8, "OutBits": 8, "Offset": 128})
        for lanes in (1, 3)
    ]
    found += [
        Kernel.of(
            "bnn_input_table",
            {"Lanes": lanes, "InBits": 8, "OutBits": bits, "TableFile": '"image.mem"'},
        )
        for lanes, bits in ((3, 1), (3, 8), (1, 4))
    ]
    found += [
        Kernel.of(
            "bnn_shell",
            kernels.shell(
                dma,
                24,
                1024,
                in_beats=24 * 1024 // dma,
                out_lanes=lanes,
                out_bits=bits,
                out_signed=True,
                out_dma_bits=16,
                out_words=10 // lanes,
            ),
        )
        for dma, lanes, bits in ((64, 1, 10), (128, 1, 11), (128, 10, 10), (32, 2, 9))
    ]
    found += [Kernel.of("bnn_loader", kernels.loader(words)) for words in (1000, 50_000, 500_000)]
    on_xc7 = [found[k] for k in (1, 4, 8, 28, 31, 36, 39, 43, 49)]
    small = [k for k in found if k.module in ("bnn_fifo", "bnn_maxpool")]
    return [*(("xcup", k) for k in found), *(("xc7", k) for k in [*on_xc7, *small])]
