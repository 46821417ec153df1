"""Xilinx primitives as SystemVerilog: what each does, from UG473, UG474, UG573 and UG574."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flow.check.netlist.emit import Text

Bits = Sequence[int | str]

SHIFTERS: Mapping[str, int] = {"SRL16E": 16, "SRLC16E": 16, "SRLC32E": 32}

DISTRIBUTED: Mapping[str, tuple[int, int, str]] = {
    "RAM32M": (32, 2, "ABCD"),
    "RAM32M16": (32, 2, "ABCDEFGH"),
    "RAM64M": (64, 1, "ABCD"),
    "RAM64M8": (64, 1, "ABCDEFGH"),
    **{f"RAM{depth}X1D": (depth, 1, "") for depth in (32, 64, 128, 256)},
    **{f"RAM{depth}X1S": (depth, 1, "") for depth in (32, 64, 128, 256, 512)},
}
"""LUT RAM: words, bits of a word, and the slots; the last slot's address is that of the write."""


class UnsupportedCellError(ValueError):
    """A netlist uses a primitive in a way that has no model here."""

    def __init__(self, cell: Cell, why: str) -> None:
        super().__init__(f"netlist: cell {cell.label} of type {cell.kind}: {why}")


class Cell:
    """One cell of yosys' JSON."""

    def __init__(self, label: str, cell: Mapping[str, Any]) -> None:
        self.label = label
        self.kind: str = cell["type"]
        self.parameters: Mapping[str, Any] = cell["parameters"]
        self._connections: Mapping[str, Bits] = cell["connections"]
        self._directions: Mapping[str, str] = cell["port_directions"]

    def outputs(self) -> Iterator[tuple[str, Bits]]:
        """Give the output ports and what they drive."""
        for port, bits in self._connections.items():
            if self._directions.get(port) == "output":
                yield port, bits

    def inputs(self) -> Iterator[tuple[str, Bits]]:
        """Give the input ports and what drives them."""
        for port, bits in self._connections.items():
            if self._directions.get(port) != "output":
                yield port, bits

    def has(self, port: str) -> bool:
        """Tell whether `port` is connected."""
        return bool(self._connections.get(port))

    def bits(self, port: str, width: int = 1) -> Bits:
        """Return what `port` is connected to, zeros where it is open."""
        bits = list(self._connections.get(port, ()))
        return bits + ["0"] * (width - len(bits))

    def tied(self, port: str, value: str) -> bool:
        """Tell whether all bits of `port` are the constant `value` (an open input is 0)."""
        return all(bit == value for bit in self.bits(port))

    def number(self, parameter: str, default: int) -> int:
        """Return a parameter as a number; undefined bits are 0."""
        value = self.parameters.get(parameter, default)
        return value if isinstance(value, int) else int(value.replace("x", "0"), 2)

    def word(self, parameter: str) -> str:
        """Return a parameter as the text it is."""
        return str(self.parameters.get(parameter, "")).strip()

    def contents(self, parameter: str, width: int) -> str:
        """Return a parameter of memory contents as `width` bits of 0, 1 and x, highest first."""
        value = self.parameters.get(parameter, "x" * width)
        text = f"{value:b}" if isinstance(value, int) else str(value)
        return text.rjust(width, "0")[-width:]

    def insist(self, condition: bool, why: str) -> None:
        """Raise UnsupportedCellError unless `condition`."""
        if not condition:
            raise UnsupportedCellError(self, why)


def defined(contents: str, seed: str) -> str:
    """Return contents with noise, the same in every run, where they are undefined."""
    noise = random.Random(seed)  # noqa: S311 - not for secrets
    return "".join(noise.choice("01") if bit == "x" else bit for bit in contents)


def literal(contents: str) -> str:
    """Return bits, highest first, as a literal."""
    return f"{len(contents)}'h{int(contents, 2):x}"


def lut(cell: Cell, text: Text) -> list[str]:
    """LUT1 to LUT6 look their inputs up in INIT; LUT6_2's O5 has I0 to I4 and its lower half."""
    if cell.kind == "INV":
        return [f"  assign {text.bus(cell.bits('O'))} = ~{text.bus(cell.bits('I'))};"]
    size = int(cell.kind[3])
    init = f"{1 << size}'h{cell.number('INIT', 0):x}"
    inputs = [text.bus(cell.bits(f"I{k}")) for k in range(size)]
    if cell.kind != "LUT6_2":
        return [f"  assign {text.bus(cell.bits('O'))} = {_looked_up(init, inputs)};"]
    lines = []
    if cell.has("O6"):
        lines.append(f"  assign {text.bus(cell.bits('O6'))} = {_looked_up(init, inputs)};")
    if cell.has("O5"):
        low = f"32'h{cell.number('INIT', 0) & 0xFFFF_FFFF:x}"
        lines.append(f"  assign {text.bus(cell.bits('O5'))} = {_looked_up(low, inputs[:5])};")
    return lines


def _looked_up(init: str, inputs: Sequence[str]) -> str:
    width = init.split("'", 1)[0]
    return (
        f"1'({init} >> {{{', '.join(reversed(inputs))}}})"
        if width != "2"
        else (f"1'({init} >> {inputs[0]})")
    )


def mux(cell: Cell, text: Text) -> list[str]:
    """MUXF5 to MUXF9: S chooses I1."""
    o, s, i0, i1 = (text.bus(cell.bits(port)) for port in ("O", "S", "I0", "I1"))
    return [f"  assign {o} = {s} ? {i1} : {i0};"]


def carry(cell: Cell, index: int, text: Text) -> list[str]:
    """CARRY4 and CARRY8: S passes the carry on, else DI is it; O is S xor the carry in."""
    size = int(cell.kind[5])
    cell.insist(
        cell.word("CARRY_TYPE") in ("", "SINGLE_CY8"), "only a carry chain in one piece is modelled"
    )
    cell.insist(cell.tied("CI_TOP", "0") or size == 8, "CI_TOP")
    begins = text.bus(cell.bits("CI"))
    if size == 4:
        begins = f"({begins} | {text.bus(cell.bits('CYINIT'))})"
    name = f"carry{index}"
    lines = [f"  logic [{size}:0] {name};", f"  assign {name}[0] = {begins};"]
    starts, data = cell.bits("S", size), cell.bits("DI", size)
    for k in range(size):
        s, di = text.name(starts[k]), text.name(data[k])
        lines.append(f"  assign {name}[{k + 1}] = {s} ? {name}[{k}] : {di};")
        if cell.has("O"):
            lines.append(f"  assign {text.name(cell.bits('O')[k])} = {s} ^ {name}[{k}];")
        if cell.has("CO"):
            lines.append(f"  assign {text.name(cell.bits('CO')[k])} = {name}[{k + 1}];")
    return lines


def flip_flop_control(cell: Cell, text: Text) -> tuple[str, str, str, str]:
    """Return clock, edge, enable and reset of FDRE and FDSE: reset goes before enable."""
    port = "S" if cell.kind == "FDSE" else "R"
    reset = text.bus(cell.bits(port))
    if cell.number(f"IS_{port}_INVERTED", 0):
        reset = f"~{reset}"
    edge = "negedge" if cell.number("IS_C_INVERTED", 0) else "posedge"
    return text.bus(cell.bits("C")), edge, text.bus(cell.bits("CE")), reset


def shift_register(cell: Cell, index: int, text: Text) -> list[str]:
    """SRL16E and SRLC32E: Q is the bit that came in A + 1 shifts ago."""
    size = SHIFTERS[cell.kind]
    cell.insist(not cell.number("IS_CLK_INVERTED", 0), "only the rising edge is modelled")
    if cell.kind == "SRLC32E":
        address = text.bus(cell.bits("A", 5))
    else:
        address = text.bus([cell.bits(f"A{k}")[0] for k in range(4)])
    name = f"srl{index}"
    contents = cell.contents("INIT", size)
    lines = [f"  logic [{size - 1}:0] {name};"]
    if set(contents) != {"x"}:
        lines.append(f"  initial {name} = {literal(defined(contents, cell.label))};")
    lines += [
        f"  always_ff @(posedge {text.bus(cell.bits('CLK'))}) if ({text.bus(cell.bits('CE'))})",
        f"    {name} <= {{{name}[{size - 2}:0], {text.bus(cell.bits('D'))}}};",
    ]
    if cell.has("Q"):
        lines.append(f"  assign {text.bus(cell.bits('Q'))} = 1'({name} >> {address});")
    last = f"Q{size - 1}"
    if cell.has(last):
        lines.append(f"  assign {text.bus(cell.bits(last))} = {name}[{size - 1}];")
    return lines


def distributed_ram(cell: Cell, index: int, text: Text) -> list[str]:
    """LUT RAM: read at once, written at the clock; every slot has a memory of its own."""
    depth, width, slots = DISTRIBUTED[cell.kind]
    cell.insist(not cell.number("IS_WCLK_INVERTED", 0), "only the rising edge is modelled")
    clock, enable = text.bus(cell.bits("WCLK")), text.bus(cell.bits("WE"))
    bits = (depth - 1).bit_length()

    def address(prefix: str) -> str:
        if cell.has(f"{prefix}0"):
            return text.bus([cell.bits(f"{prefix}{k}")[0] for k in range(bits)])
        return text.bus(cell.bits(prefix, bits))

    # (output, read address, data in, parameter of the contents)
    if slots:
        write = address(f"ADDR{slots[-1]}")
        ports = [(f"DO{s}", address(f"ADDR{s}"), f"DI{s}", f"INIT_{s}") for s in slots]
    else:
        write = address("A")
        ports = [("SPO" if cell.kind.endswith("D") else "O", write, "D", "INIT")]
        if cell.kind.endswith("D"):
            ports.append(("DPO", address("DPRA"), "D", "INIT"))
    lines = []
    for out, read, data, init in ports:
        if not cell.has(out):
            continue
        name = f"ram{index}_{out.lower()}"
        lines.append(f"  logic [{width - 1}:0] {name}[{depth}];")
        contents = cell.contents(init, depth * width)
        if set(contents) != {"x"}:
            known = defined(contents, cell.label + init)
            words = [known[len(known) - width * (k + 1) :][:width] for k in range(depth)]
            lines += [f"  initial {name}[{k}] = {literal(w)};" for k, w in enumerate(words)]
        lines += [
            f"  always_ff @(posedge {clock}) if ({enable})",
            f"    {name}[{write}] <= {text.bus(cell.bits(data, width))};",
            f"  assign {text.bus(cell.bits(out))} = {name}[{read}];",
        ]
    return lines


def ultra_ram(cell: Cell, index: int, text: Text) -> list[str]:
    """URAM288 without its registers: an instance of bnn_sim_ultra_ram."""
    for port in ("RST_A", "RST_B", "SLEEP", "INJECT_DBITERR_A", "INJECT_SBITERR_A"):
        cell.insist(cell.tied(port, "0"), f"{port} must be tied to 0")
    for name in ("OREG_A", "OREG_B", "IREG_PRE_A", "IREG_PRE_B", "EN_AUTO_SLEEP_MODE"):
        cell.insist(cell.word(name) in ("", "FALSE"), f"{name} must be FALSE")
    cell.insist(not cell.number("IS_CLK_INVERTED", 0), "only the rising edge is modelled")
    mode = cell.word("BWE_MODE_A") or "PARITY_INTERLEAVED"
    cell.insist(mode == (cell.word("BWE_MODE_B") or mode), "both ports must have one BWE_MODE")
    ports = [f".clk_i({text.bus(cell.bits('CLK'))})"]
    lines = []
    for side in "AB":
        low = side.lower()
        high = cell.bits(f"ADDR_{side}", 23)[12:]
        cell.insist(all(bit in ("0", "x") for bit in high), "ADDR beyond 4096 words must be 0")
        name = f"uram{index}_{low}"
        lines.append(f"  logic [71:0] {name};")
        ports += [
            f".{low}_en_i({text.bus(cell.bits(f'EN_{side}'))})",
            f".{low}_write_i({text.bus(cell.bits(f'RDB_WR_{side}'))})",
            f".{low}_addr_i({text.bus(cell.bits(f'ADDR_{side}', 23)[:12])})",
            f".{low}_bwe_i({text.bus(cell.bits(f'BWE_{side}', 9))})",
            f".{low}_data_i({text.bus(cell.bits(f'DIN_{side}', 72))})",
            f".{low}_data_o({name})",
        ]
        for place, bit in enumerate(cell.bits(f"DOUT_{side}")):
            if isinstance(bit, int):
                lines.append(f"  assign {text.name(bit)} = {name}[{place}];")
    interleaved = int(mode == "PARITY_INTERLEAVED")
    return [
        *lines,
        f"  bnn_sim_ultra_ram #(.Interleaved(1'b{interleaved})) u_uram{index} (",
        *[f"    {port}," for port in ports[:-1]],
        f"    {ports[-1]}",
        "  );",
    ]
