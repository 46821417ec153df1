"""Netlists of kernels equal the RTL: small geometries of every kernel and class of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import test_bnn_axi_in
import test_bnn_axi_out
import test_bnn_axi_regs
import test_bnn_event_counter
import test_bnn_fifo
import test_bnn_input_offset
import test_bnn_input_table
import test_bnn_label_select
import test_bnn_loader
import test_bnn_maxpool
import test_bnn_shell_load
import test_bnn_stream_reg
import test_bnn_width_converter
from harness import RTL, SOURCES, TB_COMMON, TOP, Bench, Case, bench_top
from kernel_cases import pool_case, threshold_case
from netlist_bench import FAMILIES, Change, build_netlists, instances_below
from stream_models import Mvu, Window, mvu_case, window_case

from flow.check.netlist import faults
from flow.errors import ToolError
from flow.hardware.kernels.threshold_unit import ThresholdUnit
from flow.hardware.kernels.window_pool import WindowPool

SEEDS = (1, 2)
FAULT_SEEDS = range(1, 9)

WINDOWS = [
    Window(3, 4, 4, 2, 1, (3, 3), (1, 1), (1, 1, 1, 1), 1),
    Window(5, 5, 1, 1, 2, (3, 3), (2, 2), (1, 1, 1, 1), 2),
    Window(4, 6, 2, 1, 1, (3, 3), (1, 1), (1, 1, 1, 1), 0, (2, 3)),
]
MVUS = [
    Mvu(27, 3, 3, 9, pad_flags=True, chunks=2),
    Mvu(8, 2, 1, 4, pad_flags=True, threshold=False),
    Mvu(8, 4, 2, 4, pixels=2, style="block"),
    Mvu(8, 2, 1, 4, loadable=True, style="ultra"),
    Mvu(4, 1, 1, 2, in_bits=8, in_signed=True, weight_bits=9),
    Mvu(4, 2, 2, 4, in_bits=2),
    Mvu(4, 2, 1, 2, in_bits=2, weight_bits=3, steps=3, code_low=-1, loadable=True),
    Mvu(4, 2, 1, 2, weight_bits=2, threshold=False, style="distributed", addr_copies=2),
]

POOLS = [
    WindowPool(3, 4, 2, 1, 3, 3, 2, 2, 1, 1, 1, 1, elem_bits=2, minimum=0b10),
    WindowPool(3, 3, 1, 1, 3, 2, 3, 1, sum=True),
]

THRESHOLDS = [
    ThresholdUnit(4, 2, 3, True, 3, 2, falls=True),
    ThresholdUnit(2, 1, 1, False, 1, 1, loadable=True),
]


def small_cases(rng: np.random.Generator) -> list[tuple[str, Case]]:
    """The smallest of every kernel; what is a part of the shell is in it."""

    def some(kernel: str, cases: list[Case], *chosen: int) -> list[tuple[str, Case]]:
        return [(kernel, cases[k]) for k in chosen]

    return [
        *some("event_counter", test_bnn_event_counter.make_cases(rng), 1, 2),
        *some("fifo", test_bnn_fifo.make_cases(rng), 0, 2),
        *some("stream_reg", test_bnn_stream_reg.make_cases(rng), 1),
        *some("width_converter", test_bnn_width_converter.make_cases(rng), 0, 5),
        *(("sliding_window", window_case(window, rng, 4, 3, 1)) for window in WINDOWS),
        *some("maxpool", test_bnn_maxpool.make_cases(rng), 0, 26),  # OR, minimum of some channels
        *(("pool", pool_case(pool, rng, 4, 3)) for pool in POOLS),
        *(("threshold", threshold_case(unit, rng)) for unit in THRESHOLDS),
        *(("mvu", mvu_case(mvu, rng, 4, 4, 2)) for mvu in MVUS),
        *some("input_table", test_bnn_input_table.make_cases(rng), 3),
        *some("input_offset", test_bnn_input_offset.make_cases(rng), 2),
        *some("label_select", test_bnn_label_select.make_cases(rng), 2, 8),
        ("loader", test_bnn_loader.make_case(test_bnn_loader.GEOMETRIES[1], rng, wrong=False)),
        ("shell_load", test_bnn_shell_load.make_case(32, rng)),
    ]


def more_cases(rng: np.random.Generator) -> list[tuple[str, Case]]:
    """The parts of the shell on their own, with testbenches that look at more of them."""
    return [
        ("axi_in", test_bnn_axi_in.make_cases(rng)[3]),
        ("axi_out", test_bnn_axi_out.make_cases(rng)[5]),
        ("axi_regs", test_bnn_axi_regs.make_case(5)),
    ]


ELSEWHERE = {
    "bnn_reset",  # of the generated top, which test_netlist_whole.py runs
    "bnn_xnor_add",  # what Verilator gets for a primitive
}


def test_every_kernel_is_among_them(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = small_cases(rng)
    top = tmp_path / f"{TOP}.sv"
    top.write_text(bench_top(cases), encoding="utf-8")
    benches = [RTL / "tb" / f"bnn_{kernel}_tb.sv" for kernel in {kernel for kernel, _ in cases}]
    common = [RTL / "tb" / f"{name}.sv" for name in TB_COMMON]
    files = [*SOURCES, *common, *benches, top]
    found = {each.definition.name for each in instances_below(files, TOP)}
    assert {source.stem for source in SOURCES} - found == ELSEWHERE


def run_all(cases: list[tuple[str, Case]], families: Sequence[str], folder: Path) -> None:
    bench = build_netlists(cases, folder / "bench", families=families)
    for pick, _ in enumerate(families):
        for seed in SEEDS:
            bench.run(seed, f"+netlist={pick}")


def test_small_geometries_equal_the_rtl(tmp_path: Path, rng: np.random.Generator) -> None:
    run_all(small_cases(rng), ["xcup"], tmp_path)


@pytest.mark.slow
def test_they_do_on_both_families(tmp_path: Path, rng: np.random.Generator) -> None:
    run_all(small_cases(rng) + more_cases(rng), FAMILIES, tmp_path)


@pytest.mark.parametrize("sites", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_fault_of_each_class_is_found(
    sites: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    # A counter of few bits goes through all of its carries; the unit has everything else.
    where = {kind: "bnn_event_counter" if kind == "carry" else "bnn_mvu" for kind in faults.KINDS}
    changes: dict[str, tuple[str, Change]] = {
        f"{kind} {site}": (where[kind], faults.planter(kind, site))
        for kind in faults.KINDS
        for site in range(sites)
    }
    cases = [
        ("event_counter", test_bnn_event_counter.make_cases(rng)[1]),
        ("mvu", mvu_case(Mvu(8, 4, 2, 4, pixels=2, style="block", threshold=False), rng, 6, 4, 3)),
    ]
    bench = build_netlists(cases, tmp_path / "bench", families=["xc7"], changes=changes)
    bench.run(1, "+netlist=0")  # without a fault
    missed = [
        name
        for pick, name in enumerate(changes, start=1)
        if not any(fails(bench, seed, pick) for seed in FAULT_SEEDS)
    ]
    assert missed == []


def fails(bench: Bench, seed: int, pick: int) -> bool:
    try:
        bench.run(seed, f"+netlist={pick}")
    except (ToolError, AssertionError):
        return True
    return False
