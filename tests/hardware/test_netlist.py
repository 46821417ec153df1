"""Utilisation and logic levels of mapped netlists made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from flow.hardware.synthesis.distance import CLASSES, distance
from flow.hardware.synthesis.utilisation import (
    BlackBox,
    UnknownCellError,
    Utilisation,
    WidestNet,
    count_cells,
    logic_levels,
    net_loads,
    path_reach,
    widest_net,
)

DIRECTIONS = {"O": "output", "Q": "output", "CO": "output", "DO": "output"}


def cell(kind: str, parameters: dict[str, Any] | None = None, **ports: list[int | str]) -> Any:
    return {
        "type": kind,
        "parameters": parameters or {},
        "connections": ports,
        "port_directions": {port: DIRECTIONS.get(port, "input") for port in ports},
    }


def module(outputs: list[int], **cells: Any) -> dict[str, Any]:
    return {"cells": cells, "ports": {"y": {"direction": "output", "bits": outputs}}}


def test_a_path_ends_at_a_register_and_the_longest_wins() -> None:
    found = logic_levels(
        module(
            [9],
            a=cell("LUT2", I0=[2], I1=[3], O=[4]),
            b=cell("LUT6", I0=[4], O=[5]),
            q=cell("FDRE", D=[5], Q=[6]),
            c=cell("LUT1", I0=[6], O=[9]),
        )
    )
    assert (found.levels, found.cells, found.end) == (2, ("LUT2", "LUT6"), "q.D")


def test_a_carry_chain_counts_its_length() -> None:
    def chain(blocks: int) -> int:
        cells = {"lut": cell("LUT2", I0=[2], O=[100])}
        for k in range(blocks):
            carry_in: list[int | str] = [200 + k - 1] if k else ["0"]
            first = [100] if k == 0 else ["0"]
            cells[f"c{k}"] = cell("CARRY4", S=first, CI=carry_in, CO=[200 + k], O=[300 + k])
        return logic_levels(module([300 + blocks - 1], **cells)).levels

    assert [chain(blocks) for blocks in (1, 2, 5, 6, 9)] == [2, 3, 3, 4, 4]


def test_wide_multiplexers_are_free_but_their_select_is_not() -> None:
    found = logic_levels(
        module(
            [5],
            a=cell("LUT6", I0=[2], O=[3]),
            m=cell("MUXF7", I0=[3], I1=["0"], S=[4], O=[5]),
        )
    )
    assert found.levels == 1


def test_a_black_box_ends_paths_with_the_levels_inside_it() -> None:
    netlist = module([7], a=cell("LUT6", I0=[2], O=[3]), rom=cell("rom", {"D": 4}, A=[3], DO=[7]))

    def cost(kind: str, parameters: Any) -> BlackBox | None:
        return BlackBox(Utilisation(lut=parameters["D"]), 2.0) if kind == "rom" else None

    assert logic_levels(netlist, cost).levels == 3
    assert count_cells(netlist, cost) == Utilisation(lut=5)


def test_primitives_count_as_their_data_sheets_say() -> None:
    kinds = [
        "LUT6",
        "INV",
        "RAM32M16",
        "RAM64M",
        "SRL16E",
        "FDRE",
        "FDSE",
        "RAMB18E2",
        "RAMB36E1",
        "URAM288",
        "DSP48E1",
        "CARRY4",
        "MUXF7",
    ]
    netlist = module([], **{f"c{k}": cell(kind) for k, kind in enumerate(kinds)})
    assert count_cells(netlist) == Utilisation(15, 2, 1.5, 1, 1)


def test_an_unknown_cell_is_refused_not_forgotten() -> None:
    with pytest.raises(UnknownCellError, match="cell x has the unknown type FROB"):
        count_cells(module([], x=cell("FROB")))


def test_a_combinational_loop_is_an_error() -> None:
    with pytest.raises(ValueError, match="combinational loop"):
        logic_levels(module([], a=cell("LUT1", I0=[2], O=[3]), b=cell("LUT1", I0=[3], O=[2])))


def test_the_widest_net_is_not_the_clock() -> None:
    found = module(
        [9],
        a=cell("LUT1", I0=[2], O=[4]),
        q=cell("FDRE", C=[3], CE=[4], R=[4], D=[2], Q=[6]),
        r=cell("FDRE", C=[3], CE=["1"], R=[4], D=[6], Q=[9]),
        s=cell("FDRE", C=[3], CE=["1"], R=["0"], D=[6], Q=[8]),
        t=cell("FDRE", C=[3], CE=["1"], R=["0"], D=[6], Q=[7]),
    )
    names = {"reset": [4], "data": [6, 9], "hidden": [4]}
    found["netnames"] = {
        name: {"bits": bits, "hide_name": int(name == "hidden")} for name, bits in names.items()
    }
    assert widest_net(found) == WidestNet(3, "reset", "LUT1")
    found["cells"]["u"] = cell("LUT1", I0=[6], O=[11])
    found["cells"]["v"] = cell("LUT1", I0=[6], O=[12])
    assert widest_net(found) == WidestNet(5, "data[0]", "FDRE")


def test_a_wide_net_makes_a_path_longer_than_its_levels() -> None:
    def one_lut_before(loads: int) -> dict[str, Any]:
        registers = {f"r{k}": cell("FDRE", R=[5], D=["0"], Q=[100 + k]) for k in range(loads)}
        return module([100], a=cell("LUT2", I0=[2], O=[5]), **registers)

    assert logic_levels(one_lut_before(600)).levels == 1
    found = [path_reach(one_lut_before(n)).levels for n in (1, 16, 17, 128, 129, 512, 513)]
    assert found == [1, 1, 2, 2, 4, 4, 7]
    assert [each.most_loads for each in CLASSES] == sorted(each.most_loads for each in CLASSES)


def test_the_routed_reset_is_as_far_as_it_was() -> None:
    """2,961 loads took 7.8 ns of a path, and a level with its near wire 0.9 (docs/netlist.md)."""
    assert distance(2961).levels == round(7.8 / 0.9) - 1


def test_an_address_of_a_memory_in_luts_meets_all_of_them() -> None:
    netlist = module([7], rom=cell("rom", addr_i=[3], en_i=[4], clk_i=[5], DO=[7]))
    box = BlackBox(Utilisation(), 1.0, address_loads=40)
    assert net_loads(netlist, lambda kind, parameters: box) == {3: 40, 4: 1}
    assert path_reach(netlist, lambda kind, parameters: box).levels == 2
    assert widest_net(netlist | {"netnames": {}}, lambda kind, parameters: box).loads == 40
