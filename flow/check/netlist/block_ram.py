"""RAMB18 and RAMB36 of both families as instances of `models/bnn_sim_block_ram.sv`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flow.check.netlist.cells import Cell, defined, literal

if TYPE_CHECKING:
    from flow.check.netlist.emit import Text

_WRITE_MODES = ("READ_FIRST", "WRITE_FIRST", "NO_CHANGE")
_WIDTHS = {
    "READ_WIDTH_A": "ReadA",
    "READ_WIDTH_B": "ReadB",
    "WRITE_WIDTH_A": "WriteA",
    "WRITE_WIDTH_B": "WriteB",
}


@dataclass(frozen=True)
class _Port:
    """Names of one port's pins."""

    address: str
    enable: str
    write: str
    data_in: str
    parity_in: str
    data_out: str
    parity_out: str


_E1: Mapping[str, _Port] = {
    "A": _Port("ADDRARDADDR", "ENARDEN", "WEA", "DIADI", "DIPADIP", "DOADO", "DOPADOP"),
    "B": _Port("ADDRBWRADDR", "ENBWREN", "WEBWE", "DIBDI", "DIPBDIP", "DOBDO", "DOPBDOP"),
}
_E2: Mapping[str, _Port] = {
    "A": _Port(
        *("ADDRARDADDR", "ENARDEN", "WEA"),
        *("DINADIN", "DINPADINP", "DOUTADOUT", "DOUTPADOUTP"),
    ),
    "B": _Port(
        *("ADDRBWRADDR", "ENBWREN", "WEBWE"),
        *("DINBDIN", "DINPBDINP", "DOUTBDOUT", "DOUTPBDOUTP"),
    ),
}


def block_ram(cell: Cell, index: int, text: Text) -> list[str]:
    """Return the instance; one clock, no output registers, no resets, no cascade.

    A port as wide as both together (36 or 72 bits) has the data pins of both, A's lower.
    """
    half = cell.kind.startswith("RAMB18")
    pins, parity, bits = (16, 2, 14) if half else (32, 4, 15)
    clock = _clock(cell)
    named = _E2 if cell.kind.endswith("E2") else _E1
    widths = {name: cell.number(name, 0) for name in _WIDTHS}
    whole = 2 * (pins + parity)
    cell.insist(
        whole not in (widths["READ_WIDTH_B"], widths["WRITE_WIDTH_A"]),
        f"only port A reads and only port B writes {whole} bits",
    )
    wide_read, wide_write = widths["READ_WIDTH_A"] == whole, widths["WRITE_WIDTH_B"] == whole
    parameters = [f".AddrBits({bits})"]
    parameters += [f".{ours}({widths[name]})" for name, ours in _WIDTHS.items()]
    for side in "AB":
        mode = cell.word(f"WRITE_MODE_{side}") or "WRITE_FIRST"
        parameters.append(f".Mode{side}({_WRITE_MODES.index(mode)})")
    parameters += _contents(cell, 1 << bits)
    lines, ports = [], [f".clk_i({text.name(clock)})"]
    for side, port in named.items():
        low = side.lower()
        joined = tuple(named.values())  # the pins of both ports
        sources = joined if side == "B" and wide_write else (port,)
        targets = joined if side == "A" and wide_read else (port,)
        enables = cell.bits(port.write, 8)[:8]
        data = [bit for p in sources for bit in cell.bits(p.data_in, pins)]
        extra = [bit for p in sources for bit in cell.bits(p.parity_in, parity)]
        ports += [
            f".{low}_en_i({text.bus(cell.bits(port.enable))})",
            f".{low}_addr_i({text.bus(cell.bits(port.address, bits)[:bits])})",
            f".{low}_we_i({text.bus(enables)})",
            f".{low}_data_i({text.bus([*data, *['0'] * (64 - len(data))])})",
            f".{low}_parity_i({text.bus([*extra, *['0'] * (8 - len(extra))])})",
        ]
        given = {
            "data": (64, [bit for p in targets for bit in cell.bits(p.data_out, pins)]),
            "parity": (8, [bit for p in targets for bit in cell.bits(p.parity_out, parity)]),
        }
        for end, (width, nets) in given.items():
            name = f"bram{index}_{low}_{end}"
            lines.append(f"  logic [{width - 1}:0] {name};")
            ports.append(f".{low}_{end}_o({name})")
            if side == "B" and wide_read:
                continue  # port A has these pins
            lines += [
                f"  assign {text.name(bit)} = {name}[{place}];"
                for place, bit in enumerate(nets)
                if isinstance(bit, int)
            ]
    return [
        *lines,
        f"  bnn_sim_block_ram #({', '.join(parameters)}) u_bram{index} (",
        *[f"    {port}," for port in ports[:-1]],
        f"    {ports[-1]}",
        "  );",
    ]


def _clock(cell: Cell) -> int | str:
    """Return the one clock; UnsupportedCellError for a use that the model does not have."""
    for port in ("RSTRAMARSTRAM", "RSTRAMB", "RSTREGARSTREG", "RSTREGB", "SLEEP"):
        cell.insist(cell.tied(port, "0"), f"{port} must be tied to 0")
    for name in ("DOA_REG", "DOB_REG"):
        cell.insist(not cell.number(name, 0), f"{name} must be 0")
    for name in ("RAM_EXTENSION_A", "RAM_EXTENSION_B"):
        cell.insist(cell.word(name) in ("", "NONE"), f"{name} must be NONE")
    for name in ("IS_CLKARDCLK_INVERTED", "IS_CLKBWRCLK_INVERTED"):
        cell.insist(not cell.number(name, 0), "only the rising edge is modelled")
    clocks = {cell.bits(port)[0] for port in ("CLKARDCLK", "CLKBWRCLK")} - {"0", "1", "x"}
    cell.insist(len(clocks) == 1, "both ports must have the same clock")
    return next(iter(clocks))


def _contents(cell: Cell, size: int) -> list[str]:
    """Return the parameters with what the memory holds at the start, none if that is unknown."""
    data = "".join(cell.contents(f"INIT_{k:02X}", 256) for k in reversed(range(size // 256)))
    extra = "".join(cell.contents(f"INITP_{k:02X}", 256) for k in reversed(range(size // 2048)))
    if set(data + extra) == {"x"}:
        return []
    return [
        ".Known(1'b1)",
        f".Init({literal(defined(data, cell.label))})",
        f".InitP({literal(defined(extra, cell.label + 'p'))})",
    ]
