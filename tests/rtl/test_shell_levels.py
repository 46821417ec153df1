"""No path of the shell or the loader is longer than four LUTs on the mapped netlist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from harness import RTL

from flow.hardware.synthesis.utilisation import logic_levels
from flow.tools import yosys

MOST = 4

ONE_BEAT = {"Identity": "256'h" + "c35a" * 16, "DmaWidth": 64, "InBeats": 384, "OutElemBits": 16}
"""Scores that fill one beat. The identity decides what yosys shares: zero hides a long path."""

KERNELS = [
    pytest.param("bnn_shell", {**ONE_BEAT, "OutWords": 3}, "xc7", id="shell of three classes"),
    pytest.param("bnn_shell", {"Loadable": 1, "LoadWords": 475_000}, "xcup", id="shell"),
    pytest.param(
        "bnn_loader",
        {"LoadWords": 475_000, "ChainLength": 32},
        "xcup",
        id="loader",
        marks=pytest.mark.slow,
    ),
    pytest.param("bnn_shell", {}, "xcup", id="fixed shell", marks=pytest.mark.slow),
    pytest.param(
        "bnn_shell",
        {"Loadable": 1, "LoadWords": 9, "DmaWidth": 64, "InBeats": 384},
        "xcup",
        id="shell of 64 bits",
        marks=pytest.mark.slow,
    ),
]


@pytest.mark.parametrize(("module", "parameters", "family"), KERNELS)
def test_paths_are_short(
    module: str, parameters: dict[str, int | str], family: str, tmp_path: Path
) -> None:
    sources = yosys.module_closure(RTL / "src", module)
    job = yosys.SynthesisJob(module, sources, parameters, family)
    _, netlist = yosys.timed_synthesis(job, tmp_path, 900)
    path = logic_levels(netlist)
    assert path.levels <= MOST, path
    if module == "bnn_shell":
        assert core_reset_loads(netlist) > 50


def core_reset_loads(netlist: dict[str, Any]) -> int:
    """Count the flip-flops that the core's reset register resets without a LUT in between."""
    cells = netlist["cells"].values()
    driver = {
        bit: cell
        for cell in cells
        for port in ("O", "Q")
        for bit in cell["connections"].get(port, ())
    }
    inverter = driver[netlist["ports"]["core_rst_no"]["bits"][0]]
    assert inverter["type"] in ("INV", "LUT1"), inverter["type"]
    (net,) = inverter["connections"].get("I") or inverter["connections"]["I0"]
    assert driver[net]["type"] == "FDSE"
    return sum(cell["connections"].get(pin) == [net] for cell in cells for pin in ("R", "S"))
