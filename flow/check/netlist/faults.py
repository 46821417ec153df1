"""Faults to plant in a mapped netlist: what a check of netlists has to find."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

Netlist = dict[str, Any]
KINDS = ("lut", "carry", "memory", "reset")


def planter(kind: str, seed: int) -> Callable[[Netlist], None]:
    """Return what plants one fault of `kind` in a netlist (yosys JSON, changed in place).

    The cell is drawn with `seed`. Raises ValueError where there is no such kind and, when used,
    where there is no such cell.
    """
    if kind not in KINDS:
        raise ValueError(f"faults: no kind {kind!r}; there are {', '.join(KINDS)}")

    def plant(netlist: Netlist) -> None:
        draw = random.Random(f"{kind} {seed}")  # noqa: S311 - not for secrets
        cells = [cell for _, cell in sorted(netlist["cells"].items())]
        places = [cell for cell in cells if _fits(kind, cell)]
        if not places:
            raise ValueError(f"netlist: no cell for a fault of kind {kind}")
        place = draw.choice(places)
        if kind == "lut":
            _change_lut(place)
        elif kind == "carry":
            _swap_carry(place)
        elif kind == "memory":
            _change_word(place, draw)
        else:
            _lose_reset(place, cells)

    return plant


def _fits(kind: str, cell: Mapping[str, Any]) -> bool:
    name: str = cell["type"]
    if kind == "lut":
        return name.startswith("LUT") and name != "LUT1"
    if kind == "carry":
        starts = cell["connections"].get("S", ())
        return name.startswith("CARRY") and all(isinstance(b, int) for b in starts[:2])
    if kind == "memory":
        return name.startswith("RAMB") and bool(_known_bits(cell))
    return name in ("FDRE", "FDSE") and isinstance(_reset(cell)[0], int)


def _change_lut(cell: Netlist) -> None:
    """The opposite of what it was."""
    init = cell["parameters"]["INIT"]
    cell["parameters"]["INIT"] = "".join({"0": "1", "1": "0"}.get(bit, bit) for bit in init)


def _swap_carry(cell: Netlist) -> None:
    """The first two bits change places."""
    for port in ("S", "DI"):
        bits = cell["connections"][port]
        bits[0], bits[1] = bits[1], bits[0]


def _change_word(cell: Netlist, draw: random.Random) -> None:
    """One bit of a word that was given."""
    name, place = draw.choice(_known_bits(cell))
    bits = cell["parameters"][name]
    other = "1" if bits[place] == "0" else "0"
    cell["parameters"][name] = bits[:place] + other + bits[place + 1 :]


def _known_bits(cell: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [
        (name, place)
        for name, bits in cell["parameters"].items()
        if name.startswith("INIT_") and len(name) == len("INIT_00") and len(bits) == 256
        for place, bit in enumerate(bits)
        if bit in "01"
    ]


def _lose_reset(place: Netlist, cells: list[Netlist]) -> None:
    """All flip-flops on this one's reset lose it: one alone is often put right by what follows."""
    net = _reset(place)[0]
    for cell in cells:
        if cell["type"] in ("FDRE", "FDSE") and _reset(cell)[0] == net:
            _reset(cell)[0] = "0"


def _reset(cell: Mapping[str, Any]) -> list[int | str]:
    bits: list[int | str] = cell["connections"]["S" if cell["type"] == "FDSE" else "R"]
    return bits
