"""Our primitives against yosys' own models of them, and block RAM and UltraRAM against the RTL."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import RTL, TOP, WAIVERS, Bench
from netlist_bench import FAMILIES, build_netlists
from test_bnn_memories import (
    MORE_RAMS,
    MORE_ROMS,
    RAMS,
    ROMS,
    ULTRA_RAMS,
    ram_case,
    rom_case,
)
from test_yosys import yosys

from flow.check.netlist.cells import UnsupportedCellError
from flow.check.netlist.emit import emit
from flow.tools import process
from flow.tools.verilator import Verilator, first_error

CYCLES = 4000


@dataclass(frozen=True)
class Primitive:
    """A cell with these parameters (bits, highest first, or text); `tied` inputs are constant."""

    kind: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    tied: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    """Those compared; all, if none is named."""
    clock: str = ""


def bits(rng: np.random.Generator, width: int) -> str:
    return "".join(rng.choice(["0", "1"], width))


def primitives(rng: np.random.Generator) -> list[Primitive]:
    def inits(names: Sequence[str], width: int) -> dict[str, str]:
        return {f"INIT_{name}": bits(rng, width) for name in names}

    dsp_off = {
        **dict.fromkeys(("ALUMODE", "CARRYINSEL", "CARRYIN", "INMODE", "D", "ACIN"), "0"),
        **dict.fromkeys(("BCIN", "CARRYCASCIN", "MULTSIGNIN", "RSTALLCARRYIN", "CED"), "0"),
        **dict.fromkeys(("RSTALUMODE", "RSTCTRL", "RSTD", "RSTINMODE", "CEAD"), "0"),
    }

    def dsp(opmode: str, tied: Mapping[str, str] = {}, **registers: int) -> Primitive:
        named = ("ADREG", "ALUMODEREG", "CARRYINREG", "CARRYINSELREG", "DREG", "INMODEREG")
        zero = dict.fromkeys((*named, "OPMODEREG", "AREG", "BREG", "CREG", "MREG", "PREG"), 0)
        values = {name: f"{value:032b}" for name, value in {**zero, **registers}.items()}
        return Primitive(
            "DSP48E1",
            {**values, "USE_DPORT": "FALSE", "USE_MULT": "MULTIPLY"},
            {**dsp_off, "OPMODE": opmode, **tied},
            ("P", "PCOUT"),
            "CLK",
        )

    return [
        *(Primitive(f"LUT{k}", {"INIT": bits(rng, 1 << k)}) for k in range(1, 7)),
        Primitive("LUT6_2", {"INIT": bits(rng, 64)}),
        Primitive("INV"),
        *(Primitive(f"MUXF{k}") for k in (7, 8, 9)),
        Primitive("CARRY4"),
        Primitive("CARRY8", tied={"CI_TOP": "0"}),
        Primitive("FDRE", {"INIT": "1"}, clock="C"),
        Primitive("FDSE", {"INIT": "0"}, clock="C"),
        Primitive("FDRE", {"INIT": "0", "IS_R_INVERTED": "1", "IS_D_INVERTED": "1"}, clock="C"),
        Primitive("SRL16E", {"INIT": bits(rng, 16)}, clock="CLK"),
        Primitive("SRLC32E", {"INIT": bits(rng, 32)}, clock="CLK"),
        Primitive("RAM32M", inits("ABCD", 64), clock="WCLK"),
        Primitive("RAM64M", inits("ABCD", 64), clock="WCLK"),
        Primitive("RAM32M16", inits("ABCDEFGH", 64), clock="WCLK"),
        Primitive("RAM64M8", inits("ABCDEFGH", 64), clock="WCLK"),
        *(
            Primitive(f"RAM{depth}X1D", {"INIT": bits(rng, depth)}, clock="WCLK")
            for depth in (32, 64, 128, 256)
        ),
        *(
            Primitive(f"RAM{depth}X1S", {"INIT": bits(rng, depth)}, clock="WCLK")
            for depth in (32, 64, 128, 256, 512)
        ),
        dsp("1010000", {"PCIN": "0"}),
        dsp("1010000", {"PCIN": "0"}, AREG=1, BREG=2, MREG=1, PREG=1),
        dsp("1010110", {"PCIN": "0"}, AREG=2, BREG=1, CREG=1, PREG=1),
        dsp("1010100", {}, MREG=1),
    ]


def library(directory: Path) -> dict[str, Any]:
    """Return the ports of yosys' Xilinx primitives."""
    yosys(directory, "read_verilog -lib +/xilinx/cells_sim.v", "proc =*", "write_json cells.json")
    return json.loads((directory / "cells.json").read_text(encoding="utf-8"))["modules"]


def reference(kinds: Sequence[str]) -> str:
    """Return the text of yosys' models without what Verilator does not want to see."""
    import pyosys

    share = Path(pyosys.__file__).parent / "share" / "xilinx" / "cells_sim.v"
    text = share.read_text(encoding="utf-8")
    found = [re.search(rf"^module {kind} ?\(.*?^endmodule", text, re.M | re.S) for kind in kinds]
    modules = [
        re.sub(r"specify.*?endspecify", "", match[0], flags=re.S) for match in found if match
    ]
    assert len(modules) == len(kinds)
    return "\n".join(modules) + "\n"


def build_cells(chosen: Sequence[Primitive], directory: Path) -> Bench:
    ports_of = library(directory)
    lines, checks, texts = [], [], []
    for index, primitive in enumerate(chosen):
        ports = {
            name: (info["direction"], len(info["bits"]))
            for name, info in ports_of[primitive.kind]["ports"].items()
            if info["direction"] == "input" or not primitive.outputs or name in primitive.outputs
        }
        netlist, driven = one_cell(primitive, ports)
        name = f"one{index}"
        texts.append(emit(netlist, name))
        # The reference model has the same cell by yosys' name, connected in the same way.
        shown = ", ".join(f".{p}({_parameter(v)})" for p, v in primitive.parameters.items())
        ours, theirs = [], []
        for port, (direction, width) in ports.items():
            if direction == "input":
                signal = f"in{index}_{port}"
                if port in primitive.tied:
                    theirs.append(f".{port}({width}'b{_tie(primitive.tied[port], width)})")
                    continue
                if port == primitive.clock:
                    signal = "clk_i"
                else:
                    lines.append(f"  logic [{width - 1}:0] {signal};")
                    draws = ", ".join(["$urandom"] * -(-width // 32))
                    checks.append(f"    {signal} <= {width}'({{{draws}}});")
                ours.append(f".{port}({signal})")
                theirs.append(f".{port}({signal})")
            else:
                lines.append(f"  logic [{width - 1}:0] a{index}_{port}, b{index}_{port};")
                ours.append(f".{port}(a{index}_{port})")
                theirs.append(f".{port}(b{index}_{port})")
                checks.append(
                    f"    if (cycle > 3 && a{index}_{port} !== b{index}_{port}) "
                    f'$fatal(1, "{primitive.kind} {index}.{port}: %h, yosys says %h", '
                    f"a{index}_{port}, b{index}_{port});"
                )
        lines.append(f"  {name} u_a{index} ({', '.join(ours)});")
        lines.append(f"  {primitive.kind} #({shown}) u_b{index} ({', '.join(theirs)});")
        assert driven
    top = "\n".join(
        [
            f"module {TOP} (input logic clk_i, input logic rst_ni);",
            "  int cycle;",
            "  initial cycle = 0;",
            *lines,
            "  always_ff @(posedge clk_i) begin",
            "    cycle <= cycle + 1;",
            f'    if (cycle == {CYCLES}) begin $display("PASS: %0d beats", cycle); $finish; end',
            *checks,
            "  end",
            "endmodule",
            "",
        ]
    )
    files = {
        # yosys' models were not written for -Wall.
        directory / "all.vlt": "`verilator_config\n"
        + "".join(
            f'lint_off {rule} -file "{directory}/*"\n'
            for rule in ("", "-rule INITIALDLY", "-rule COMBDLY", "-rule BLKANDNBLK")
        ),
        directory / f"{TOP}.sv": top,
        directory / "cells_sim.v": reference(list(dict.fromkeys(p.kind for p in chosen))),
        directory / "ours.sv": "\n".join(texts),
    }
    plan = Verilator.locate().plan_build(
        [WAIVERS, *files],
        top=TOP,
        build_dir=directory / "obj_dir",
        cpp=[RTL / "tb" / "tb_main.cpp"],
        optimize="-O0",
        files=files,
    )
    process.execute(plan, log=directory / "build.log", timeout_s=600, first_error=first_error)
    return Bench(Verilator.executable(TOP, directory / "obj_dir"), directory, CYCLES)


def one_cell(primitive: Primitive, ports: Mapping[str, tuple[str, int]]) -> tuple[dict, int]:
    """Return a netlist of this cell alone, and how many bits of it are ports."""
    number = 2
    connections, directions, outside = {}, {}, {}
    for port, (direction, width) in ports.items():
        directions[port] = direction
        if port in primitive.tied:
            connections[port] = list(reversed(_tie(primitive.tied[port], width)))
            continue
        connections[port] = list(range(number, number + width))
        outside[port] = {"direction": direction, "bits": connections[port]}
        number += width
    cell = {
        "type": primitive.kind,
        "parameters": primitive.parameters,
        "port_directions": directions,
        "connections": connections,
    }
    return {"ports": outside, "cells": {"u": cell}, "netnames": {}}, number - 2


def _tie(value: str, width: int) -> str:
    """Constants are given lowest bit first; one bit stands for all."""
    return value * width if len(value) == 1 else value[::-1]


def _parameter(value: str) -> str:
    return f"{len(value)}'b{value}" if set(value) <= {"0", "1"} else f'"{value}"'


def test_primitives_do_what_yosys_says(tmp_path: Path, rng: np.random.Generator) -> None:
    directory = tmp_path / "cells"
    directory.mkdir()
    bench = build_cells(primitives(rng), directory)
    for seed in (1, 2, 3):
        bench.run(seed)


@pytest.mark.parametrize("few", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_memories_equal_the_rtl(few: bool, tmp_path: Path, rng: np.random.Generator) -> None:
    """Block RAM of every width of a port, UltraRAM of two words, LUT RAM."""
    shapes = [("rom", rom_case, ROMS[::3]), ("ram", ram_case, RAMS[1:4:2])]
    if not few:
        shapes = [
            ("rom", rom_case, ROMS + MORE_ROMS),
            ("ram", ram_case, RAMS + MORE_RAMS + ULTRA_RAMS),
        ]
    cases = [(kernel, make(*shape, rng)) for kernel, make, some in shapes for shape in some]
    families = ["xc7"] if few else list(FAMILIES)
    bench = build_netlists(cases, tmp_path / "bench", families=families)
    for pick, _ in enumerate(families):
        for seed in (1, 2):
            bench.run(seed, f"+netlist={pick}")


@pytest.mark.parametrize(
    ("parameters", "tied", "why"),
    [
        ({"DOA_REG": "1"}, {}, "DOA_REG must be 0"),
        ({"READ_WIDTH_B": f"{36:032b}"}, {}, "only port A reads"),
        ({}, {"RSTRAMB": [7]}, "RSTRAMB must be tied to 0"),
        ({}, {"CLKBWRCLK": [9]}, "the same clock"),
    ],
)
def test_another_use_of_block_ram_is_refused(
    parameters: dict[str, str], tied: dict[str, list[int]], why: str
) -> None:
    connections = {"CLKARDCLK": [2], "CLKBWRCLK": [2], "RSTRAMB": ["0"], **tied}
    cell = {
        "type": "RAMB18E1",
        "parameters": {"READ_WIDTH_A": f"{18:032b}", **parameters},
        "connections": connections,
        "port_directions": dict.fromkeys(connections, "input"),
    }
    ports = {"clk_i": {"direction": "input", "bits": [2, 7, 9]}}
    with pytest.raises(UnsupportedCellError, match=why):
        emit({"ports": ports, "cells": {"u": cell}, "netnames": {}}, "t")


def test_a_type_without_a_model_is_refused() -> None:
    cell = {"type": "RAM64X8SW", "parameters": {}, "connections": {}, "port_directions": {}}
    with pytest.raises(UnsupportedCellError, match="no model of this type"):
        emit({"ports": {}, "cells": {"u": cell}, "netnames": {}}, "t")
