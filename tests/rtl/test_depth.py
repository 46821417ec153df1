"""At most four logic levels on the mapped netlist, for geometries chosen to be deep."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import RTL

from flow.hardware.costs.grid import mappable
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.kernels.max_pool import MaxPool
from flow.hardware.kernels.threshold_unit import ThresholdUnit
from flow.hardware.kernels.window_pool import WindowPool
from flow.hardware.synthesis.mapping import Kernel, map_kernel

LEVELS = 4


def window(
    size: tuple[int, int],
    channels: int,
    simd: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    pad: tuple[int, int, int, int] = (1, 1, 1, 1),
    pixels: tuple[int, int] = (1, 1),
) -> Kernel:
    """Return a sliding window of bits; `pad` is top, bottom, left, right."""
    return Kernel.of(
        "bnn_sliding_window",
        {
            "IfmHeight": size[0],
            "IfmWidth": size[1],
            "Channels": channels,
            "Simd": simd,
            "KernelH": kernel[0],
            "KernelW": kernel[1],
            "StrideH": stride[0],
            "StrideW": stride[1],
            "PadTop": pad[0],
            "PadBottom": pad[1],
            "PadLeft": pad[2],
            "PadRight": pad[3],
            "PixelsIn": pixels[0],
            "PixelsOut": pixels[1],
        },
    )


def unit(
    mw: int,
    mh: int,
    pe: int,
    simd: int,
    *,
    in_bits: int,
    weight_bits: int,
    steps: int,
    in_signed: bool = False,
    flags: bool = False,
) -> Kernel:
    """A matrix-vector unit with weights of several bits or several thresholds."""
    kernel = MatrixVector(
        mw,
        mh,
        pe,
        simd,
        in_bits=in_bits,
        in_signed=in_signed,
        weight_bits=weight_bits,
        pad_flags=flags,
        steps=steps,
        code_bits=steps.bit_length(),
        code_low=1 << steps.bit_length() >> 1,
        weight_style="distributed",
    )
    return mappable(kernel)


def pool(
    size: tuple[int, int],
    channels: int,
    pe: int,
    pool_size: tuple[int, int],
    pixels: int = 1,
    *,
    bits: int = 1,
    minimum: int = 0,
) -> Kernel:
    return mappable(
        MaxPool(*size, channels, pe, *pool_size, pixels, elem_bits=bits, minimum=minimum)
    )


def labels(number: int, bits: int, lanes: int, top: int) -> Kernel:
    return Kernel.of(
        "bnn_label_select", {"NumLabels": number, "InBits": bits, "Lanes": lanes, "TopK": top}
    )


FEW = [
    ("xcup", window((24, 24), 3, 1, (3, 3), pixels=(3, 8))),
    ("xcup", window((14, 14), 64, 64, (3, 3), pad=(0, 0, 0, 0), pixels=(7, 6))),
    ("xc7", window((224, 224), 3, 1, (7, 7), (2, 2), (3, 3, 3, 3))),
    ("xcup", pool((28, 28), 21, 1, (4, 14), 2)),
    ("xcup", pool((8, 8), 96, 3, (2, 2), bits=4, minimum=int("a5" * 12, 16))),
    ("xcup", mappable(WindowPool(113, 112, 64, 1, 3, 3, 2, 2, 0, 0, 1, 1, elem_bits=8))),
    ("xcup", mappable(ThresholdUnit(32, 2, 16, True, 7, 3, falls=True))),
    ("xcup", unit(72, 8, 2, 8, in_bits=2, in_signed=True, weight_bits=4, steps=3)),
    ("xcup", Kernel.of("bnn_fifo", {"Width": 3, "Depth": 4001})),
    ("xc7", Kernel.of("bnn_width_converter", {"InWidth": 35, "OutWidth": 36, "Pixels": 2})),
    ("xcup", labels(1000, 16, 1, 1)),
]
MANY = [
    *((family, kernel) for family in ("xcup", "xc7") for _, kernel in FEW),
    *(
        (family, kernel)
        for family in ("xcup", "xc7")
        for kernel in (
            window((32, 32), 64, 8, (3, 3), pixels=(8, 8)),
            window((30, 30), 64, 64, (3, 3), pad=(0, 0, 0, 0), pixels=(6, 4)),
            window((32, 32), 16, 2, (3, 3)),
            window((28, 28), 6, 1, (5, 5), pad=(2, 2, 2, 2), pixels=(7, 14)),
            window((30, 30), 64, 64, (3, 3), pad=(0, 0, 0, 0), pixels=(10, 14)),
            window((9, 1000), 7, 1, (4, 3), (3, 2), (1, 2, 1, 2), (5, 1)),
            window((8, 16), 2, 1, (3, 3), pixels=(16, 16)),
            unit(576, 16, 4, 8, in_bits=1, weight_bits=9, steps=1, flags=True),
            unit(512, 10, 2, 16, in_bits=1, weight_bits=8, steps=0),
            unit(27, 16, 2, 9, in_bits=8, in_signed=True, weight_bits=8, steps=1),
            unit(72, 16, 2, 8, in_bits=4, weight_bits=4, steps=15),
            unit(4608, 16, 2, 24, in_bits=8, weight_bits=1, steps=255),
            unit(576, 64, 4, 32, in_bits=1, weight_bits=1, steps=3),
            pool((112, 112), 64, 1, (2, 2)),
            pool((28, 28), 3, 1, (4, 28), 28),
            mappable(WindowPool(224, 224, 3, 1, 9, 9, 1, 1, 4, 4, 4, 4, elem_bits=8, sum=True)),
            mappable(WindowPool(32, 32, 96, 3, 3, 3, 2, 2, elem_bits=8, minimum=(1 << 95) + 1)),
            mappable(WindowPool(7, 7, 512, 8, 7, 7, 7, 7, elem_bits=4, sum=True)),
            mappable(ThresholdUnit(64, 4, 18, True, 15, 4, falls=True)),
            mappable(ThresholdUnit(96, 1, 8, False, 255, 8, loadable=True)),
            labels(10, 16, 1, 5),
            labels(1000, 28, 1, 1),
            labels(10, 28, 5, 1),
            Kernel.of("bnn_input_offset", {"InBits": 16, "OutBits": 18, "Offset": 1000}),
            Kernel.of("bnn_input_table", {"InBits": 12, "OutBits": 8, "TableFile": '"image.mem"'}),
        )
    ),
]


def check_depth(family: str, kernel: Kernel, cache: Path) -> None:
    mapped = map_kernel(kernel, RTL / "src", family, cache=cache, timeout_s=600)
    assert mapped.logic_levels <= LEVELS, f"{family} {kernel}: {' '.join(mapped.path)}"


@pytest.mark.parametrize(("family", "kernel"), FEW, ids=str)
def test_no_path_is_longer(family: str, kernel: Kernel, tmp_path: Path) -> None:
    check_depth(family, kernel, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "kernel"), MANY, ids=str)
def test_no_path_is_longer_in_many(family: str, kernel: Kernel, tmp_path: Path) -> None:
    check_depth(family, kernel, tmp_path)


@pytest.mark.slow
@pytest.mark.xfail(strict=True, reason="five levels: the five best of scores over 24 bits")
@pytest.mark.parametrize("family", ["xcup", "xc7"])
def test_known_to_be_deeper(family: str, tmp_path: Path) -> None:
    check_depth(family, labels(10, 28, 1, 5), tmp_path)
