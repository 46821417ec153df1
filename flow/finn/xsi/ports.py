"""The ports of a verilated module, read from the class that Verilator writes for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flow.errors import UserError

_DIRECTIONS = {"IN": 0, "OUT": 1, "INOUT": 2}
_PORT = re.compile(r"^\s*VL_(IN|OUT|INOUT)(?:8|16|64|W)?\(&(\w+),(\d+),(\d+)(?:,\d+)?\);", re.M)
_UNPACKED_PORT = re.compile(r"^\s*VL_(?:IN|OUT|INOUT)(?:8|16|64|W)?\(\(&(\w+)\)", re.M)
_ENCODED = re.compile(r"__0([0-9A-F]{2})")


@dataclass(frozen=True)
class PortDeclaration:
    """A port: its name in the RTL, the C++ member that holds it, 0 in / 1 out / 2 inout, bits."""

    name: str
    member: str
    direction: int
    width: int


def read_ports(header: str, top: str) -> list[PortDeclaration]:
    """Return the ports that the text of V<top>.h declares, in the order of the module.

    Raises UserError where `top` has none, or one that is an unpacked array.
    """
    unpacked = _UNPACKED_PORT.search(header)
    if unpacked:
        raise UserError(
            f"finn_xsi: port {unpacked[1]} of {top} is an unpacked array; "
            "only packed ports can be driven by name, wrap the module"
        )
    found = [
        PortDeclaration(
            _ENCODED.sub(lambda code: chr(int(code[1], 16)), member),
            member,
            _DIRECTIONS[direction],
            int(high) - int(low) + 1,
        )
        for direction, member, high, low in _PORT.findall(header)
    ]
    if not found:
        raise UserError(f"finn_xsi: {top} has no ports; name the module that has the streams")
    return found


def port_list(ports: list[PortDeclaration]) -> str:
    """Return the C++ macro PORT_LIST that design.cpp expands."""
    entries = " \\\n".join(
        f'    PORT("{port.name}", {port.member}, {port.direction}, {port.width})' for port in ports
    )
    return f"#define PORT_LIST \\\n{entries}\n"
