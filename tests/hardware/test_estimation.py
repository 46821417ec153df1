"""The cost model is as good as it says, and prices what the design really instantiates."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from accelerator import network_of
from nets import padded_net

from flow.errors import UserError
from flow.hardware.build import build_design
from flow.hardware.costs.grid import grid
from flow.hardware.costs.model import COEFFICIENTS, CostModel, errors, fit, load_model, load_table
from flow.hardware.depths import FifoDepths
from flow.hardware.estimation import LOADER, SHELL, price
from flow.hardware.folding import Target, Wish, choose_folding
from flow.hardware.folding.options import Pricing, converter_cost, layer_cost, window_cost
from flow.hardware.kernels.max_pool import MaxPool
from flow.hardware.plan import plan_hardware
from flow.hardware.sources import RTL_SOURCE_DIR
from flow.hardware.synthesis.mapping import Kernel, map_kernel
from flow.hardware.synthesis.memory import (
    block_ram,
    loadable,
    lut_rom,
    lut_rom_levels,
    prefers_block,
    ram,
    rom,
)
from flow.hardware.synthesis.utilisation import Utilisation

ROMS = [
    # width, depth, style: what yosys 0.70 made of it on xcup (LUT, RAMB36)
    (64, 32, "distributed", 64, 0),
    (64, 64, "distributed", 64, 0),
    (64, 128, "distributed", 128, 0),
    (32, 256, "distributed", 128, 0),
    (4, 512, "distributed", 48, 0),
    (4, 1024, "distributed", 87, 0),
    (4, 2048, "distributed", 180, 0),
    (4, 4096, "distributed", 383, 0),
    (16, 512, "block", 0, 0.5),
    (4, 300, "block", 0, 0.5),
    (100, 600, "block", 0, 3),
    (144, 1024, "block", 0, 4),
    (8, 8192, "block", 0, 2),
    (576, 4096, "block", 0, 64),
    (64, 256, "auto", 256, 0),
    (64, 512, "auto", 0, 1),
    (144, 64, "auto", 144, 0),
]


@pytest.mark.parametrize(("width", "depth", "style", "luts", "blocks"), ROMS)
def test_read_only_memories_are_what_yosys_made_of_them(
    width: int, depth: int, style: str, luts: int, blocks: float
) -> None:
    found = rom(width, depth, style).utilisation
    assert found.bram36 == blocks
    assert found.lut == pytest.approx(luts, rel=0.09)
    assert found.ff == (0 if blocks else width)


def test_a_rom_in_luts_is_deeper_the_more_words_it_has() -> None:
    assert [lut_rom_levels(d) for d in (1, 64, 256, 1024, 4096, 9216)] == [0, 1, 1, 2, 3, 4]
    assert lut_rom(8, 1) == Utilisation()


def test_a_writable_memory_goes_where_yosys_puts_it() -> None:
    assert ram(32, 32, "xcup") == Utilisation(lut=24)  # three RAM32M16
    assert ram(8, 512, "xcup").bram36 == 0.5
    assert ram(64, 160, "xcup").bram36 == 1
    assert ram(8, 320, "xc7").bram36 == 0  # a window of B-VGG16: LUT RAM by a hair
    assert ram(2, 1280, "xcup").bram36 == 0 and ram(2, 1280, "xc7").bram36 == 0.5
    assert ram(64, 160, "xcup", block_allowed=False).bram36 == 0
    assert block_ram(1, 16384).bram36 == 0.5 and not prefers_block(64, 256)


RAMS = [
    # width, depth, style, family: what yosys 0.70 made of bnn_ram (LUT, RAMB36, URAM, levels)
    (8, 32, "distributed", "xcup", 8, 0, 0, 1),
    (16, 64, "distributed", "xcup", 24, 0, 0, 1),
    (7, 48, "distributed", "xcup", 8, 0, 0, 1),
    (8, 128, "distributed", "xcup", 42, 0, 0, 2),
    (8, 256, "distributed", "xcup", 76, 0, 0, 2),
    (8, 512, "distributed", "xcup", 160, 0, 0, 3),
    (100, 600, "block", "xcup", 0, 3, 0, 0),
    (72, 4096, "ultra", "xcup", 0, 0, 1, 0),
    (16, 64, "distributed", "xc7", 24, 0, 0, 1),
    (8, 128, "distributed", "xc7", 34, 0, 0, 2),
]


@pytest.mark.parametrize("row", RAMS)
def test_loadable_memories_are_what_yosys_made_of_them(
    row: tuple[int, int, str, str, int, float, int, int],
) -> None:
    width, depth, style, family, luts, blocks, ultra, levels = row
    box = loadable(width, depth, style, family)
    found = box.utilisation
    assert (found.lut, found.bram36, found.uram) == (luts, blocks, ultra)
    assert found.ff == (0 if blocks or ultra else width)
    assert box.input_levels == levels


def test_the_stated_errors_are_those_of_the_committed_table() -> None:
    rows = load_table()
    assert len(rows) >= 110
    stated = {
        (e["variant"], e["resource"]): e
        for e in json.loads(COEFFICIENTS.read_text(encoding="utf-8"))["errors"]
    }
    for error in errors(load_model(), rows):
        told = stated[error.variant, error.resource]
        assert error.median == pytest.approx(told["median"], abs=1e-3)
        assert error.worst == pytest.approx(told["worst"], abs=1e-3)
        assert error.median <= 0.05, error
        assert error.worst <= 0.25, error
    assert all(e.worst == 0 for e in errors(load_model(), rows) if e.resource == "bram36")


def test_refitting_the_committed_table_gives_the_committed_model() -> None:
    fitted = fit(load_table()).coefficients
    kept = load_model().coefficients
    assert fitted.keys() == kept.keys()
    for variant, resources in kept.items():
        for resource, values in resources.items():
            assert fitted[variant][resource] == pytest.approx(values, rel=0.02, abs=0.02)


def test_the_model_foretells_geometries_it_was_not_fitted_to() -> None:
    rows = [row for row in load_table() if row.module == "bnn_mvu"]
    off = []
    for k in range(0, len(rows), 4):
        row = rows[k]
        model = fit([*rows[:k], *rows[k + 1 :]])
        found = model.cost(row.kernel, row.family)
        off.append(abs(found.lut - row.utilisation.lut) / row.utilisation.lut)
    assert statistics.median(off) < 0.08 and max(off) < 0.3, off


def test_the_table_has_a_row_for_every_geometry_of_the_grid() -> None:
    rows = {(row.family, Kernel.of(row.module, row.parameters)) for row in load_table()}
    assert {(family, kernel) for family, kernel in grid()} == rows


def test_a_module_without_a_model_is_named() -> None:
    known = load_model().coefficients
    without = CostModel({name: fit for name, fit in known.items() if name != "bnn_maxpool"})
    with pytest.raises(UserError, match=r"no cost model of bnn_maxpool; known: bnn_fifo, "):
        without.cost(MaxPool(8, 8, 4, 1, 2, 2), "xcup")


@pytest.mark.parametrize("weights", ["initialised", "loadable"])
def test_folding_prices_the_kernels_that_the_design_instantiates(
    weights: Literal["initialised", "loadable"],
) -> None:
    plan = plan_hardware(network_of(padded_net(0)))
    target = replace(Target.unlimited(100, 1), weights=weights)
    wishes = {"MVAU_0": Wish(pixels=2), "MVAU_1": Wish(pixels=4), "MVAU_2": Wish(pixels=2)}
    choice = choose_folding(plan.layers, target, wishes)
    depths = FifoDepths(target.fifo_depth, {})
    design = build_design(plan, choice.folding, depths, target.dma_width_bits)
    pricing = Pricing(load_model(), "xcup", target.fifo_depth, weights == "loadable", uram=True)
    priced = Utilisation()
    into = 1
    for layer in plan.layers:
        chosen = choice.layers[layer.name]
        where = (layer, chosen.pe, chosen.simd, chosen.style, pricing, chosen.pixels)
        priced += layer_cost(*where)
        priced += window_cost(layer, chosen.simd, into, chosen.pixels, pricing)
        into = chosen.pixels_out
    priced += converter_cost(plan.layers, choice.layers, pricing)
    built = price(design, "xcup").instances
    assert plan.input is not None
    for name in (SHELL, LOADER, plan.input.name, f"Fifo_{plan.input.name}"):
        built = {key: value for key, value in built.items() if key != name}
    total = Utilisation()
    for each in built.values():
        total += each
    # The search counts a FIFO behind the last layer; there is none.
    last = plan.layers[-1].unit(1, 1, loadable=weights == "loadable").out_bits
    total += pricing.fifo(choice.layers[plan.layers[-1].name].pe * last)
    assert total.as_dict() == priced.as_dict()
    assert priced.lut <= choice.cost.lut


@pytest.mark.slow
def test_a_fresh_measurement_equals_the_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = load_table()
    for k in rng.choice(len(rows), 4, replace=False):
        row = rows[k]
        found = map_kernel(
            Kernel.of(row.module, row.parameters),
            RTL_SOURCE_DIR,
            row.family,
            cache=tmp_path,
            timeout_s=1800,
        )
        assert found.utilisation.as_dict() == row.utilisation.as_dict(), row
