"""Copies of a register: what is simulated is what is synthesised, and synthesis joins none."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from harness import RTL
from test_popcount_proof import read
from test_yosys import yosys

from flow.errors import ToolError

SRC = RTL / "src"
CELLS = "read_verilog +/xilinx/cells_sim.v"

THREE_RESETS = """
module top (input logic clk_i, rst_i, input logic [2:0] d, output logic [2:0] q);
  logic [2:0] rst_n;
  logic core_q;
  always_ff @(posedge clk_i) core_q <= rst_i;
  for (genvar k = 0; k < 3; k++) begin : gen_kernel
    bnn_reset u_reset (.clk_i, .rst_ni(!core_q), .rst_no(rst_n[k]));
    always_ff @(posedge clk_i) if (!rst_n[k]) q[k] <= 1'b0; else q[k] <= d[k];
  end
endmodule
"""


def prove(directory: Path, change: tuple[str, str] = ("", "")) -> None:
    """Prove that both texts of bnn_copy hold the same after a reset, whatever comes."""
    text = (SRC / "bnn_copy.sv").read_text(encoding="utf-8")
    assert change[0] in text
    (directory / "bnn_copy.sv").write_text(text.replace(*change), encoding="utf-8")
    prepare = ["hierarchy -top bnn_copy -chparam Width 2", "rename -top {0}", "proc", "flatten"]
    yosys(
        directory,
        "read_verilog -sv bnn_copy.sv",
        CELLS,
        *(line.format("gate") for line in prepare),
        "design -stash one",
        read("bnn_copy", defines="-DVERILATOR"),
        *(line.format("gold") for line in prepare),
        "design -stash two",
        "design -copy-from one -as gate gate",
        "design -copy-from two -as gold gold",
        "miter -equiv -flatten gold gate miter",
        "hierarchy -top miter",
        "sat -verify -seq 5 -set-at 1 in_rst_i 1 -prove trigger 0 -prove-skip 1 miter",
    )


def test_both_texts_are_the_same(tmp_path: Path) -> None:
    prove(tmp_path)


@pytest.mark.parametrize("change", [(".CE(en_i)", ".CE(1'b1)"), (".R (rst_i)", ".R (1'b0)")])
def test_the_proof_finds_a_difference(change: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="proof did fail"):
        prove(tmp_path, change)


def mapped(directory: Path) -> list[dict[str, Any]]:
    (directory / "top.sv").write_text(THREE_RESETS, encoding="utf-8")
    synthesise = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top top"
    sources = [read("bnn_copy", "bnn_reset"), "read_verilog -sv top.sv"]
    yosys(directory, *sources, synthesise, "write_json top.json")
    netlist = json.loads((directory / "top.json").read_text(encoding="utf-8"))
    cells = netlist["modules"]["top"]["cells"].values()
    return [cell for cell in cells if cell["type"] != "$scopeinfo"]


def test_synthesis_joins_no_copies_and_puts_no_lut_before_their_loads(tmp_path: Path) -> None:
    cells = mapped(tmp_path)
    assert Counter(cell["type"] for cell in cells) == {"FDRE": 7}
    resets = {cell["connections"]["Q"][0] for cell in cells if cell["parameters"]["INIT"] == "1"}
    driven = [cell["connections"]["R"][0] for cell in cells if cell["connections"]["R"] != ["0"]]
    assert len(resets) == 3 and sorted(driven) == sorted(resets)
