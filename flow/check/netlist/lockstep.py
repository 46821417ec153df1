"""A module that stands where the RTL stood: mapped netlists, and the RTL beside them to compare.

In the simulation `+netlist=<n>` chooses which netlist drives the outputs. The RTL has the same
inputs in every cycle, so it sees the same stalls; an output that means something in this cycle and
differs ends the simulation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flow.errors import UserError

MEANT_WITH: Mapping[str, str] = {
    "out_data_o": "out_valid_o",
    "out_pad_o": "out_valid_o",
    "tag_last_o": "tag_valid_o",
    "core_in_data_o": "core_in_valid_o",
    "load_data_o": "load_valid_o",
    "chain_data_o": "chain_valid_o",
    "m_axis_tdata": "m_axis_tvalid",
    "m_axis_tkeep": "m_axis_tvalid",
    "m_axis_tlast": "m_axis_tvalid",
    "s_axi_rdata": "s_axi_rvalid",
    "s_axi_rresp": "s_axi_rvalid",
    "s_axi_bresp": "s_axi_bvalid",
    "write_index_o": "write_o",
    "write_data_o": "write_o",
    "write_strobe_o": "write_o",
    "read_index_o": "read_o",
    "loaded_hash_o": "loaded_o",
}
"""Outputs that say something only while another one is 1; all others count in every cycle."""

MEANT_AFTER: Mapping[str, str] = {"count_o": "clear_i", "read_data_o": "read_i"}
"""Outputs without a reset, by the input that gives them their first value."""
LEFT_TO_THE_TESTBENCH = ("rd_data_o", "data_o")
"""Of bnn_ram and bnn_rom: what nobody wrote, or lies beyond the last word, is unknown."""
_SETTLED_CYCLES = 4

_WAIVED = (
    "DECLFILENAME",  # it is not named after its file
    "WIDTHEXPAND",  # a parameter that holds text is compared with bits
    "WIDTHTRUNC",
    "UNUSEDSIGNAL",  # outputs of the RTL that are left to the testbench
)
_CLOCKS = ("clk_i", "aclk")
_RESETS = ("rst_ni", "aresetn")


@dataclass(frozen=True)
class Header:
    """A module's header as text: its parameters and its ports."""

    module: str
    parameters: str
    """Everything between `#(` and `) (`, local parameters with it; empty for none."""
    names: tuple[str, ...]
    """Parameters that can be set."""
    ports: tuple[tuple[str, str, str], ...]
    """(direction, type and range, name)."""


@dataclass(frozen=True)
class Watched:
    """A stream inside the RTL, `<name>_valid` and so on, that the netlist has as probes."""

    name: str
    width: int
    flags: int = 0
    """Padding flags beside a word, one for each pixel of it; data of a flagged pixel is stale."""


def read_header(source: Path) -> Header:
    """Read the header of the one module in `source`; UserError for one of another layout."""
    text = re.sub(r"//[^\n]*", "", source.read_text(encoding="utf-8"))
    found = re.search(r"^module (\w+)(?: #\((.*?)\n\))? \((.*?)\n\);", text, re.M | re.S)
    if found is None:
        raise UserError(f'{source}: no module header that ends in a line ");" found')
    parameters = found[2] or ""
    names = [
        re.sub(r"\s*=.*", "", item.strip(), flags=re.S).split()[-1]
        for item in _items(parameters)
        if item.strip().startswith("parameter")
    ]
    ports = []
    for item in _items(found[3]):
        port = re.fullmatch(r"\s*(input|output)\s+(.*?)\s*(\w+)\s*", item, re.S)
        if port is None:
            raise UserError(
                f"{source}: port {item.strip()!r} is not `input` or `output` and a name"
            )
        ports.append((port[1], port[2], port[3]))
    return Header(found[1], parameters, tuple(names), tuple(ports))


def stand_in(
    header: Header,
    name: str,
    choices: Mapping[tuple[tuple[str, str], ...], Sequence[str]],
    *,
    watched: Sequence[Watched] = (),
    path: str = "",
    awake: str = "1'b1",
) -> str:
    """Return the module `name` with the header of the RTL.

    `choices` gives for a set of parameters (names and literals) the netlist modules to choose
    from; any other parameters are an error at elaboration. `watched` are streams of the instance
    `path` in the RTL, compared while its net `awake` is 1.
    """
    outputs = [port for direction, _, port in header.ports if direction == "output"]
    clock = next(p for _, _, p in header.ports if p in _CLOCKS)
    reset = next((p for _, _, p in header.ports if p in _RESETS), "1'b1")
    set_all = ", ".join(f".{p}({p})" for p in header.names)
    lines = [
        f"module {name}" + (f" #({header.parameters}\n)" if header.parameters else "") + " (",
        ",\n".join(f"  {direction} {kind} {port}" for direction, kind, port in header.ports),
        ");",
        "  int pick;",
        '  initial if ($value$plusargs("netlist=%d", pick) == 0) pick = 0;',
        *(f"  {kind} rtl_{port};" for d, kind, port in header.ports if d == "output"),
        f"  {header.module} #({set_all}) u_rtl (" if set_all else f"  {header.module} u_rtl (",
        "    " + _joined(header, "rtl_"),
        "  );",
    ]
    for index, (values, netlists) in enumerate(choices.items()):
        condition = " && ".join(f"{p} == {value}" for p, value in values) or "1"
        lines.append(f"  {'end else ' if index else ''}if ({condition}) begin : gen_{index}")
        for k, netlist in enumerate(netlists):
            lines += [
                *(f"    {kind} of{k}_{port};" for d, kind, port in header.ports if d == "output"),
                f"    {netlist} u_netlist{k} (" + _joined(header, f"of{k}_") + ");",
                *_stream_comparisons(watched, f"u_netlist{k}", f"u_rtl.{path}", k, clock, awake),
            ]
        for port in outputs:
            chosen = f"of{len(netlists) - 1}_{port}"
            for k in reversed(range(len(netlists) - 1)):
                chosen = f"(pick == {k}) ? of{k}_{port} : {chosen}"
            lines.append(f"    assign {port} = {chosen};")
        lines += [
            f"    initial if (pick >= {len(netlists)})",
            '      $fatal(1, "%m: no netlist %0d", pick);',
        ]
    lines += [
        "  end else begin : gen_unknown",
        f'    $error("{name}: no netlist was made for these parameters");',
        "  end",
        *_comparisons(header, clock, reset),
        "endmodule",
    ]
    waived = [f"/* verilator lint_{{}} {rule} */" for rule in _WAIVED]
    before, after = ([line.format(state) for line in waived] for state in ("off", "on"))
    return "\n".join([*before, *lines, *after, ""])


def _stream_comparisons(
    watched: Sequence[Watched], netlist: str, rtl: str, pick: int, clock: str, awake: str
) -> list[str]:
    if not watched:
        return []
    lines = [f"    always_ff @(posedge {clock}) if (pick == {pick} && u_rtl.{awake}) begin"]

    def differs(end: str, select: str = "", when: str = "") -> None:
        ours, theirs = (f"{side}.{stream.name}_{end}{select}" for side in (netlist, rtl))
        lines.append(f"      if ({when}{ours} != {theirs})")
        lines.append(
            f'        $fatal(1, "stream {stream.name}: {end}{select} of netlist %0d is %h, of '
            f'the RTL %h", pick, {ours}, {theirs});'
        )

    for stream in watched:
        differs("valid")
        differs("ready")
        there = f"{rtl}.{stream.name}_valid && "
        if stream.flags:
            differs("pad", when=there)
            part = stream.width // stream.flags
            for k in range(stream.flags):
                flag = f"!{rtl}.{stream.name}_pad[{k}] && "
                differs("data", f"[{k * part}+:{part}]", there + flag)
        else:
            differs("data", when=there)
    return [*lines, "    end"]


def _comparisons(header: Header, clock: str, reset: str) -> list[str]:
    lines = []
    inputs = {port for direction, _, port in header.ports if direction == "input"}
    outputs = {port for direction, _, port in header.ports if direction == "output"}
    tests = []
    for port in sorted(outputs - set(LEFT_TO_THE_TESTBENCH)):
        if port in MEANT_AFTER and MEANT_AFTER[port] in inputs:
            begin = MEANT_AFTER[port]
            lines += [
                f"  int since_{port};",
                f"  initial since_{port} = 0;",
                f"  always_ff @(posedge {clock})",
                f"    if (since_{port} == 0) since_{port} <= int'({begin});",
                f"    else if (since_{port} < {_SETTLED_CYCLES}) since_{port} <= since_{port} + 1;",
            ]
            when = f"since_{port} == {_SETTLED_CYCLES}"
        elif MEANT_WITH.get(port) in outputs:
            when = f"rtl_{MEANT_WITH[port]}"
        else:
            when = "1"
        tests += [
            f"    if ({when} && {port} !== rtl_{port})",
            f'      $fatal(1, "%m: {port} of netlist %0d is %h, of the RTL %h", pick, {port},',
            f"             rtl_{port});",
        ]
    return [*lines, f"  always_ff @(posedge {clock}) if ({reset}) begin", *tests, "  end"]


def _joined(header: Header, prefix: str) -> str:
    return ", ".join(
        f".{port}({prefix if direction == 'output' else ''}{port})"
        for direction, _, port in header.ports
    )


def _items(text: str) -> list[str]:
    """Split at the commas outside brackets."""
    items, depth, current = [], 0, ""
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            items.append(current)
            current = ""
        else:
            current += character
    return [*items, current] if current.strip() else items
