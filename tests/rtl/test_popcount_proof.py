"""yosys proves that what is simulated for speed and what is synthesised are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import RTL
from test_yosys import yosys

from flow.errors import ToolError

SRC = RTL / "src"
STRUCTURE = ["bnn_popcount", "bnn_bit_count", "bnn_xnor_add", "bnn_xnor_add_xilinx"]


def read(*modules: str, defines: str = "") -> str:
    files = " ".join(str(SRC / f"{module}.sv") for module in modules)
    return f"read_verilog -sv {defines} {files}"


def test_one_lut_is_the_full_adder(tmp_path: Path) -> None:
    yosys(
        tmp_path,
        read("bnn_xnor_add", "bnn_xnor_add_xilinx"),
        "read_verilog +/xilinx/cells_sim.v",
        "prep -flatten -top bnn_xnor_add_xilinx",
        "design -stash one",
        read("bnn_xnor_add"),
        "prep -top bnn_xnor_add",
        "design -stash two",
        "design -copy-from one -as gate bnn_xnor_add_xilinx",
        "design -copy-from two -as gold bnn_xnor_add",
        "miter -equiv -flatten -make_assert gold gate miter",
        "sat -verify -prove-asserts -show-ports miter",
    )


def prove(width: int, directory: Path, change: tuple[str, str] = ("", "")) -> None:
    """Prove for all inputs that both texts of bnn_popcount give the same count in the same cycle.

    Neither has a loop: once the pipeline has filled, an output depends on the last inputs alone, so
    that the first cycle after that stands for all. `change` is made to bnn_bit_count first.
    """
    text = (SRC / "bnn_bit_count.sv").read_text(encoding="utf-8")
    assert change[0] in text
    (directory / "bnn_bit_count.sv").write_text(text.replace(*change), encoding="utf-8")
    latency = 3 + (-(-width // 16) - 1).bit_length()
    prepare = ["proc", "flatten", "memory_map", "opt -full"]
    yosys(
        directory,
        read("bnn_popcount", "bnn_xnor_add_xilinx"),
        "read_verilog -sv bnn_bit_count.sv",
        "read_verilog +/xilinx/cells_sim.v",
        f"hierarchy -top bnn_popcount -chparam Width {width}",
        "rename -top gate",
        *prepare,
        "design -stash one",
        read("bnn_popcount", defines="-DVERILATOR"),
        f"hierarchy -top bnn_popcount -chparam Width {width}",
        "rename -top gold",
        *prepare,
        "design -stash two",
        "design -copy-from one -as gate gate",
        "design -copy-from two -as gold gold",
        "miter -equiv -flatten gold gate miter",
        "hierarchy -top miter",
        f"sat -verify -seq {latency + 1} -prove trigger 0 -prove-skip {latency} miter",
    )


@pytest.mark.parametrize("width", [1, 2, 5, 7, 12, 16, 17])
def test_count_is_proven(width: int, tmp_path: Path) -> None:
    prove(width, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("width", [20, 22, 24])
def test_wider_count_is_proven(width: int, tmp_path: Path) -> None:
    prove(width, tmp_path)


def test_the_proof_finds_a_wrong_count(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="proof did fail"):
        prove(12, tmp_path, ("(five[2] & five[3]) |", "(five[2] | five[3]) |"))
