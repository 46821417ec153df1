"""Properties over drawn geometries; every example builds one testbench of several of them."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kernel_cases import pool_case, threshold_case
from stream_models import Mvu, Window, mvu_case, window_case

from flow.hardware.kernels.threshold_unit import ThresholdUnit
from flow.hardware.kernels.window_pool import WindowPool

# An example costs a build, so there are few; shrinking would cost many builds.
FEW = settings(
    max_examples=2,  # the first one drawn is always the simplest
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=15)
FRAMES, FAST_FRAMES, WARM_FRAMES, VECTORS = 7, 5, 2, 6


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


@st.composite
def windows(draw: st.DrawFn) -> Window:
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 16))
    pads, kernels = [], []
    for size in (height, width):
        kernel = draw(st.integers(1, 5))
        # Smaller than the kernel on both sides, and wide enough for the kernel to fit.
        before, after = draw(st.integers(0, kernel - 1)), draw(st.integers(0, kernel - 1))
        if size + before + after < kernel:
            kernel, before, after = size, 0, 0
        kernels.append(kernel)
        pads += [before, after]
    channels = draw(st.sampled_from([1, 2, 3, 4, 6]))
    elem_bits = draw(st.sampled_from([1, 1, 2, 8]))
    stride = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    out_width = (width + pads[2] + pads[3] - kernels[1]) // stride[1] + 1
    return Window(
        height,
        width,
        channels,
        draw(st.sampled_from(divisors(channels))),
        elem_bits,
        (kernels[0], kernels[1]),
        stride,
        (pads[0], pads[1], pads[2], pads[3]),
        draw(st.integers(0, (1 << elem_bits) - 1)),
        (
            draw(st.sampled_from(divisors(width))),
            draw(st.sampled_from(divisors(out_width))) if stride[1] == 1 else 1,
        ),
    )


@st.composite
def mvus(draw: st.DrawFn) -> Mvu:
    simd, pe = draw(st.integers(1, 70)), draw(st.integers(1, 4))
    in_bits = draw(st.sampled_from([1, 1, 1, 2, 5, 8]))
    weight_bits = draw(st.sampled_from([1, 1, 1, 2, 4, 9]))
    steps = draw(st.sampled_from([1, 1, 1, 2, 3, 10, 31]))
    if in_bits > 1 or weight_bits > 1:
        simd = simd % 10 + 1
    most_chunks = 4 if in_bits == weight_bits == 1 else 2
    beats = draw(st.integers(1, 6))
    return Mvu(
        mw=simd * beats,
        mh=pe * draw(st.integers(1, 5)),
        pe=pe,
        simd=simd,
        in_bits=in_bits,
        in_signed=draw(st.booleans()),
        pad_flags=in_bits == 1 and draw(st.booleans()),
        threshold=draw(st.booleans()),
        pixels=draw(st.sampled_from([1, 1, 2, 3, 6])),
        chunks=draw(st.integers(1, min(beats, most_chunks))) if steps == 1 else 1,
        style=draw(st.sampled_from(["auto", "distributed", "block"])),
        loadable=draw(st.booleans()),
        weight_bits=weight_bits,
        steps=steps,
        code_low=draw(st.sampled_from([0, -1, -(steps // 2)])),
    )


@st.composite
def pools(draw: st.DrawFn) -> WindowPool:
    axes = []
    for _ in range(2):
        size, pool, stride = (
            draw(st.integers(1, 9)),
            draw(st.integers(1, 5)),
            draw(st.integers(1, 5)),
        )
        before, after = draw(st.integers(0, pool - 1)), draw(st.integers(0, pool - 1))
        if size + before + after < pool:
            pool, before, after = size, 0, 0
        axes.append((size, pool, stride, before, after))
    sizes, windows, strides, starts, ends = zip(*axes, strict=True)
    channels = draw(st.sampled_from([1, 2, 3, 4, 6]))
    total = draw(st.booleans())
    return WindowPool(
        *sizes,
        channels,
        draw(st.sampled_from(divisors(channels))),
        *(*windows, *strides, *starts, *ends),
        elem_bits=draw(st.sampled_from([1, 2, 3, 8])),
        signed=draw(st.booleans()),
        sum=total,
        minimum=0 if total else draw(st.integers(0, (1 << channels) - 1)),
    )


@st.composite
def thresholds(draw: st.DrawFn) -> ThresholdUnit:
    pe, steps = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 3, 7, 12, 40]))
    code_bits = max(steps.bit_length(), draw(st.integers(1, 8)))
    return ThresholdUnit(
        pe * draw(st.integers(1, 6)),
        pe,
        draw(st.sampled_from([1, 2, 3, 8, 11])),
        draw(st.booleans()),
        steps,
        code_bits,
        code_low=draw(st.integers(0, (1 << code_bits) - 1)),
        falls=draw(st.booleans()),
        thresh_style=draw(st.sampled_from(["distributed", "block"])),
        loadable=draw(st.booleans()),
    )


def check_windows(drawn: list[Window], seed: int, factory: pytest.TempPathFactory) -> None:
    rng = np.random.default_rng(seed)
    check(
        "sliding_window",
        [window_case(window, rng, FRAMES, FAST_FRAMES, WARM_FRAMES) for window in drawn],
        factory.mktemp("windows"),
    )


def check_pools(drawn: list[WindowPool], seed: int, factory: pytest.TempPathFactory) -> None:
    rng = np.random.default_rng(seed)
    check("pool", [pool_case(pool, rng) for pool in drawn], factory.mktemp("pools"))


def check_thresholds(
    drawn: list[ThresholdUnit], seed: int, factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    check("threshold", [threshold_case(unit, rng) for unit in drawn], factory.mktemp("thresholds"))


def check_mvus(drawn: list[Mvu], seed: int, factory: pytest.TempPathFactory) -> None:
    rng = np.random.default_rng(seed)
    check(
        "mvu",
        [mvu_case(mvu, rng, FRAMES, VECTORS, FAST_FRAMES) for mvu in drawn],
        factory.mktemp("mvus"),
    )


@FEW
@given(st.lists(windows(), min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_any_window_is_right_and_gapless(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Window], seed: int
) -> None:
    check_windows(drawn, seed, tmp_path_factory)


@FEW
@given(st.lists(mvus(), min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_any_mvu_is_right_and_gapless(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Mvu], seed: int
) -> None:
    check_mvus(drawn, seed, tmp_path_factory)


@FEW
@given(st.lists(pools(), min_size=6, max_size=6), st.integers(0, 2**32 - 1))
def test_any_pool_is_right_and_takes_the_stated_cycles(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[WindowPool], seed: int
) -> None:
    check_pools(drawn, seed, tmp_path_factory)


@FEW
@given(st.lists(thresholds(), min_size=6, max_size=6), st.integers(0, 2**32 - 1))
def test_any_thresholds_are_right_and_gapless(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[ThresholdUnit], seed: int
) -> None:
    check_thresholds(drawn, seed, tmp_path_factory)


@pytest.mark.slow
@MANY
@given(st.lists(thresholds(), min_size=16, max_size=16), st.integers(0, 2**32 - 1))
def test_many_thresholds_are_right_and_gapless(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[ThresholdUnit], seed: int
) -> None:
    check_thresholds(drawn, seed, tmp_path_factory)


@pytest.mark.slow
@MANY
@given(st.lists(pools(), min_size=16, max_size=16), st.integers(0, 2**32 - 1))
def test_many_pools_are_right_and_take_the_stated_cycles(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[WindowPool], seed: int
) -> None:
    check_pools(drawn, seed, tmp_path_factory)


@pytest.mark.slow
@MANY
@given(st.lists(windows(), min_size=16, max_size=16), st.integers(0, 2**32 - 1))
def test_many_windows_are_right_and_gapless(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Window], seed: int
) -> None:
    check_windows(drawn, seed, tmp_path_factory)


@pytest.mark.slow
@MANY
@given(st.lists(mvus(), min_size=16, max_size=16), st.integers(0, 2**32 - 1))
def test_many_mvus_are_right_and_gapless(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Mvu], seed: int
) -> None:
    check_mvus(drawn, seed, tmp_path_factory)
