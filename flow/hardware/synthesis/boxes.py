"""What the black boxes of a netlist take: memories that yosys was told to leave alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flow.hardware.synthesis.memory import loadable, rom
from flow.hardware.synthesis.utilisation import BlackBox, BoxCost
from flow.tools.yosys import parameter_text, parameter_value

ROM_MODULE = "bnn_rom"
RAM_MODULE = "bnn_ram"


def rom_of_parameters(parameters: Mapping[str, Any]) -> BlackBox:
    """Return the ROM that a `bnn_rom` cell of a netlist or an instance in a design is."""
    return rom(
        int(parameter_value(parameters["Width"])),
        int(parameter_value(parameters["Depth"])),
        parameter_text(parameters.get("RomStyle", "auto")) or "auto",
        int(parameter_value(parameters.get("Ports", 1))),
    )


def ram_of_parameters(parameters: Mapping[str, Any], family: str) -> BlackBox:
    """Return the RAM that a `bnn_ram` cell of a netlist is."""
    return loadable(
        int(parameter_value(parameters["Width"])),
        int(parameter_value(parameters["Depth"])),
        parameter_text(parameters.get("RamStyle", "auto")) or "auto",
        family,
    )


def box_cost(family: str) -> BoxCost:
    """Return the cost of cells that yosys was told to leave alone (see `netlist.BoxCost`)."""

    def cost(kind: str, parameters: Mapping[str, Any]) -> BlackBox | None:
        if kind.endswith(ROM_MODULE):
            return rom_of_parameters(parameters)
        return ram_of_parameters(parameters, family) if kind.endswith(RAM_MODULE) else None

    return cost
