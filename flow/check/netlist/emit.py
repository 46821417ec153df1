"""A mapped flat module (yosys JSON) as SystemVerilog for Verilator.

What is a line is written as one (LUT, flip-flop, carry, multiplexer, LUT RAM, shift register,
multiplier); block RAM and UltraRAM become instances of the modules in `models`. Every net is one
bit. A cell, or a way to use one, that has no model here is refused: to leave it out would be to
simulate something else. What yosys leaves undefined is random in simulation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flow.check.netlist.block_ram import block_ram
from flow.check.netlist.cells import (
    DISTRIBUTED,
    SHIFTERS,
    Cell,
    UnsupportedCellError,
    carry,
    distributed_ram,
    flip_flop_control,
    lut,
    mux,
    shift_register,
    ultra_ram,
)
from flow.check.netlist.multiplier import multiplier

MODELS = Path(__file__).with_name("models")

_WAIVED = (
    "DECLFILENAME",  # a netlist's file holds several modules
    "UNUSEDSIGNAL",  # a primitive has outputs that nobody reads
    "UNUSEDPARAM",
    "UNOPTFLAT",  # bits of one carry chain are nets of their own
    "BLKSEQ",
)


@dataclass
class Text:
    """Lines of a module under construction; `name` gives the text of a net."""

    names: dict[int, str]
    declared: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)

    def name(self, bit: int | str) -> str:
        """Return a bit as an expression: a net, 0, 1, or x, which Verilator makes random."""
        if isinstance(bit, int):
            return self.names[bit]
        return "1'b1" if bit == "1" else "1'b0" if bit == "0" else "1'bx"

    def bus(self, bits: Sequence[int | str]) -> str:
        """Return bits, least significant first, as a concatenation."""
        if len(bits) == 1:
            return self.name(bits[0])
        return "{" + ", ".join(self.name(bit) for bit in reversed(bits)) + "}"


def emit(
    module: Mapping[str, Any], name: str, probes: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return `module` as the SystemVerilog module `name`.

    `probes`: signals by the names they get, each with its name in the netlist, for whoever stands
    around to compare.
    Raises UnsupportedCellError for what has no model here.
    """
    text = Text({})
    header = _ports(module, text)
    cells = [Cell(label, cell) for label, cell in sorted(module["cells"].items())]
    for cell in cells:
        for port, bits in cell.outputs():
            for bit in bits:
                if not isinstance(bit, int) or bit in text.names:
                    raise UnsupportedCellError(cell, f"output {port} drives what is driven already")
                text.names[bit] = f"n{bit}"
                text.declared.append(f"n{bit}")
    _undriven(module, cells, text)
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for index, cell in enumerate(cells):
        if cell.kind in ("FDRE", "FDSE"):
            groups.setdefault(flip_flop_control(cell, text), []).append(cell)
        else:
            text.body += _lines(cell, index, text)
    for control, members in groups.items():
        text.body += _registers(control, members, text)
    for port, info in module["ports"].items():
        if info["direction"] == "output":
            text.body.append(f"  assign {port} = {text.bus(info['bits'])};")
    for probe, net in probes.items():
        bits = module["netnames"][net]["bits"]
        text.body.append(f"  wire [{len(bits) - 1}:0] {probe} = {text.bus(bits)};")
    return "\n".join(
        [
            *(f"/* verilator lint_off {rule} */" for rule in _WAIVED),
            f"module {name} (",
            ",\n".join(header),
            ");",
            *(f"  logic {net};" for net in text.declared),
            *text.body,
            "endmodule",
            *(f"/* verilator lint_on {rule} */" for rule in _WAIVED),
            "",
        ]
    )


def _ports(module: Mapping[str, Any], text: Text) -> list[str]:
    header = []
    for port, info in module["ports"].items():
        bits = info["bits"]
        width = f"[{len(bits) - 1}:0] " if len(bits) > 1 else ""
        header.append(f"  {info['direction']} logic {width}{port}")
        if info["direction"] == "input":
            for place, bit in enumerate(bits):
                text.names[bit] = port if len(bits) == 1 else f"{port}[{place}]"
    return header


def _undriven(module: Mapping[str, Any], cells: Sequence[Cell], text: Text) -> None:
    """Nets that nothing drives, a part of an input bus in synthesis' eyes, are undefined."""
    read = [bit for cell in cells for _, bits in cell.inputs() for bit in bits]
    read += [b for p in module["ports"].values() if p["direction"] == "output" for b in p["bits"]]
    for bit in read:
        if isinstance(bit, int) and bit not in text.names:
            text.names[bit] = "1'bx"


def _lines(cell: Cell, index: int, text: Text) -> list[str]:
    kind = cell.kind
    if kind.startswith("LUT") or kind == "INV":
        return lut(cell, text)
    if kind in ("CARRY4", "CARRY8"):
        return carry(cell, index, text)
    if kind.startswith("MUXF"):
        return mux(cell, text)
    if kind in SHIFTERS:
        return shift_register(cell, index, text)
    if kind in DISTRIBUTED:
        return distributed_ram(cell, index, text)
    if kind in ("RAMB18E1", "RAMB18E2", "RAMB36E1", "RAMB36E2"):
        return block_ram(cell, index, text)
    if kind == "URAM288":
        return ultra_ram(cell, index, text)
    if kind in ("DSP48E1", "DSP48E2"):
        return multiplier(cell, index, text)
    if kind == "$scopeinfo":
        return []
    if kind in ("GND", "VCC"):
        (port, bits), *_ = cell.outputs()
        return [f"  assign {text.bus(bits)} = 1'b{int(kind == 'VCC')};  // {port}"]
    raise UnsupportedCellError(cell, "there is no model of this type")


def _registers(control: tuple[str, ...], members: Sequence[Cell], text: Text) -> list[str]:
    """All flip-flops of one clock, enable and reset in one block."""
    clock, edge, enable, reset = control
    lines = []
    resets, moves = [], []
    for cell in members:
        net, data = text.bus(cell.bits("Q")), text.bus(cell.bits("D"))
        if cell.number("IS_D_INVERTED", 0):
            data = f"~{data}"
        value = "1'b1" if cell.kind == "FDSE" else "1'b0"
        resets.append(f"      {net} <= {value};")
        moves.append(f"      {net} <= {data};")
        begins = cell.parameters.get("INIT", "x")
        if begins in ("0", "1"):
            lines.append(f"  initial {net} = 1'b{begins};")
    lines.append(f"  always_ff @({edge} {clock}) begin")
    if reset != "1'b0":
        lines += [f"    if ({reset}) begin", *resets, "    end else"]
    lines.append(f"    if ({enable}) begin")
    return [*lines, *moves, "    end", "  end"]
