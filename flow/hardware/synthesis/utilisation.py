"""What a mapped netlist takes, and how deep its logic is: counted by us on yosys' JSON.

Logic levels: a LUT is one level; a read of LUT RAM too. Entering a carry chain is one level, and
every 16 bits the carry runs on are one more (a carry takes about 0.11 ns for 4 bits on a 7 series
-1, a LUT with its wire about 0.5 ns and more). F7 to F9 multiplexers sit behind their LUTs in the
slice and count nothing. Registers, block RAM and ports begin and end paths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from flow.hardware.synthesis.distance import distance

LUTS: Mapping[str, int] = {
    **{f"LUT{k}": 1 for k in range(1, 7)},
    "LUT6_2": 1,
    "INV": 1,
    "SRL16E": 1,
    "SRLC16E": 1,
    "SRLC32E": 1,
    "RAM32X1S": 1,
    "RAM32X1D": 2,
    "RAM32M": 4,
    "RAM32M16": 8,
    "RAM64X1S": 1,
    "RAM64X1D": 2,
    "RAM64M": 4,
    "RAM64M8": 8,
    "RAM128X1S": 2,
    "RAM128X1D": 4,
    "RAM256X1S": 4,
    "RAM256X1D": 8,
    "RAM512X1S": 8,
}
"""LUTs of each primitive (UG474, UG574)."""

_BRAM36 = {"RAMB36E1": 1.0, "RAMB36E2": 1.0, "RAMB18E1": 0.5, "RAMB18E2": 0.5}
_FREE = frozenset(
    {"CARRY4", "CARRY8", "MUXF5", "MUXF6", "MUXF7", "MUXF8", "MUXF9", "MUXCY", "XORCY"}
    | {"BUFG", "IBUF", "OBUF", "GND", "VCC", "$scopeinfo"}
)
_CARRY_BITS = {"CARRY4": 4, "CARRY8": 8}
_BITS_PER_LEVEL = 16


@dataclass(frozen=True)
class Utilisation:
    """Counts of device resources; a RAMB18 is half a `bram36`."""

    lut: float = 0.0
    ff: float = 0.0
    bram36: float = 0.0
    uram: float = 0.0
    dsp: float = 0.0

    def __add__(self, other: Utilisation) -> Utilisation:
        """Return the sum, resource by resource."""
        return Utilisation(
            self.lut + other.lut,
            self.ff + other.ff,
            self.bram36 + other.bram36,
            self.uram + other.uram,
            self.dsp + other.dsp,
        )

    def as_dict(self) -> dict[str, float]:
        """Return the counts by name, whole numbers as int."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: int(v) if float(v).is_integer() else round(v, 2) for k, v in values.items()}


NOTHING = Utilisation()


@dataclass(frozen=True)
class LongestPath:
    """The path with the most logic levels, from a register or input to a register or output."""

    levels: int
    cells: tuple[str, ...]
    """Types of the cells on the path, in order."""
    start: str
    end: str


@dataclass(frozen=True)
class BlackBox:
    """How a cell that yosys left alone counts: its inputs end paths, its outputs begin them."""

    utilisation: Utilisation
    input_levels: float
    """Levels between its inputs and the register inside."""
    address_loads: int = 1
    """Pins inside that a bit of its addresses drives."""


BoxCost = Callable[[str, Mapping[str, Any]], BlackBox | None]
"""(cell type, parameters) to its cost, or None for a type that is no known black box."""


class UnknownCellError(ValueError):
    """A netlist holds a cell type that has no cost here."""


def count_cells(module: Mapping[str, Any], box_cost: BoxCost | None = None) -> Utilisation:
    """Return what a flat mapped module (yosys JSON) takes.

    Raises UnknownCellError for a cell that is neither a primitive nor one `box_cost` knows: to
    ignore it would be to under-count.
    """
    lut = ff = bram = uram = dsp = 0.0
    boxes = Utilisation()
    for name, cell in module["cells"].items():
        kind = cell["type"]
        if kind in LUTS:
            lut += LUTS[kind]
        elif kind.startswith(("FD", "LD")):
            ff += 1
        elif kind in _BRAM36:
            bram += _BRAM36[kind]
        elif kind.startswith("URAM288"):
            uram += 1
        elif kind.startswith("DSP48"):
            dsp += 1
        elif kind not in _FREE:
            box = box_cost(kind, cell["parameters"]) if box_cost is not None else None
            if box is None:
                raise UnknownCellError(f"cell {name} has the unknown type {kind}")
            boxes += box.utilisation
    return Utilisation(lut, ff, bram, uram, dsp) + boxes


def logic_levels(module: Mapping[str, Any], box_cost: BoxCost | None = None) -> LongestPath:
    """Return the deepest path of a flat mapped module; ValueError for a combinational loop."""
    return _deepest(module, box_cost, {})


def path_reach(module: Mapping[str, Any], box_cost: BoxCost | None = None) -> LongestPath:
    """Return the longest path with its nets: levels, and those that each net's distance adds.

    ValueError for a combinational loop.
    """
    found = net_loads(module, box_cost)
    return _deepest(module, box_cost, {bit: distance(n).levels for bit, n in found.items()})


def net_loads(module: Mapping[str, Any], box_cost: BoxCost | None = None) -> dict[int, int]:
    """Return how many pins each net of a flat mapped module drives; clocks are left out.

    An address of a black box counts as what it meets inside.
    """
    loads: dict[int, int] = {}
    for cell in module["cells"].values():
        box = box_cost(cell["type"], cell["parameters"]) if box_cost is not None else None
        inside = box.address_loads if box is not None else 1
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) == "output" or port in _CLOCK_PINS:
                continue
            for bit in bits:
                if isinstance(bit, int):
                    loads[bit] = loads.get(bit, 0) + (inside if "addr" in port else 1)
    return loads


def _deepest(
    module: Mapping[str, Any], box_cost: BoxCost | None, wires: Mapping[int, float]
) -> LongestPath:
    """`wires`: levels that a net adds, none where it is not named."""
    cells = module["cells"]
    driver: dict[int, str] = {}
    arcs: dict[str, list[tuple[int, float]]] = {}
    for name, cell in cells.items():
        through = _arcs(cell)
        if not through:
            continue
        arcs[name] = [
            (bit, cost)
            for port, cost in through.items()
            for bit in cell["connections"].get(port, ())
            if isinstance(bit, int)
        ]
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) == "output":
                driver.update({bit: name for bit in bits if isinstance(bit, int)})
    depth: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for name in _in_order(arcs, driver):
        best, source = 0.0, None
        for bit, cost in arcs[name]:
            origin = driver.get(bit)
            value = cost + wires.get(bit, 0.0) + (depth[origin] if origin is not None else 0.0)
            if value > best:
                best, source = value, origin
        depth[name], before[name] = best, source
    return _longest(module, driver, depth, before, box_cost, wires)


_CLOCK_PINS = frozenset({"C", "CLK", "WCLK", "CLKARDCLK", "CLKBWRCLK", "clk_i"})


@dataclass(frozen=True)
class WidestNet:
    """The net that drives the most pins; clocks have lines of their own and do not count."""

    loads: int
    name: str
    driver: str
    """Type of the cell that drives it; empty for an input."""


def widest_net(module: Mapping[str, Any], box_cost: BoxCost | None = None) -> WidestNet:
    """Return the net of a flat mapped module (yosys JSON) with the most loads."""
    loads = net_loads(module, box_cost)
    driver = {
        bit: cell["type"]
        for cell in module["cells"].values()
        for port, bits in cell["connections"].items()
        if cell["port_directions"].get(port) == "output"
        for bit in bits
        if isinstance(bit, int)
    }
    if not loads:
        return WidestNet(0, "", "")
    widest = max(loads, key=lambda bit: (loads[bit], -bit))
    names = [
        (len(info["bits"]) > 1, name, k)
        for name, info in module["netnames"].items()
        for k, bit in enumerate(info["bits"])
        if bit == widest and not info.get("hide_name")
    ]
    shown = f"net {widest}"
    if names:
        wide, name, place = min(names, key=lambda found: (len(found[1]), found[1], found[2]))
        shown = f"{name}[{place}]" if wide else name
    return WidestNet(loads[widest], shown, driver.get(widest, ""))


def _arcs(cell: Mapping[str, Any]) -> dict[str, float]:
    """Return input port -> levels to the outputs; empty for what begins and ends paths."""
    kind, ports = cell["type"], cell["connections"]
    if kind.startswith("LUT"):
        return {port: 1.0 for port in ports if port.startswith("I")}
    if kind == "INV":
        return {"I": 1.0}
    if kind in _CARRY_BITS:
        return {
            "S": 1.0,
            "DI": 1.0,
            "CYINIT": 1.0,
            "CI": _CARRY_BITS[kind] / _BITS_PER_LEVEL,
        }
    if kind.startswith("MUXF"):
        return {"I0": 0.0, "I1": 0.0, "S": 1.0}
    if kind.startswith("RAM") and not kind.startswith("RAMB"):
        return {p: 1.0 for p in ports if p.startswith(("ADDR", "A", "DPRA", "RADR"))}
    if kind.startswith("SRL"):
        return {p: 1.0 for p in ports if p.startswith("A")}
    return {}


def _in_order(arcs: Mapping[str, list[tuple[int, float]]], driver: Mapping[int, str]) -> list[str]:
    followers: dict[str, list[str]] = {name: [] for name in arcs}
    waiting = dict.fromkeys(arcs, 0)
    for name, inputs in arcs.items():
        for bit, _ in inputs:
            origin = driver.get(bit)
            if origin is not None:
                followers[origin].append(name)
                waiting[name] += 1
    ready = [name for name, count in waiting.items() if count == 0]
    order = []
    while ready:
        name = ready.pop()
        order.append(name)
        for follower in followers[name]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                ready.append(follower)
    if len(order) != len(arcs):
        stuck = next(name for name, count in waiting.items() if count)
        raise ValueError(f"netlist: a combinational loop goes through cell {stuck}")
    return order


def _longest(
    module: Mapping[str, Any],
    driver: Mapping[int, str],
    depth: Mapping[str, float],
    before: Mapping[str, str | None],
    box_cost: BoxCost | None,
    wires: Mapping[int, float],
) -> LongestPath:
    best, last, end = 0.0, None, ""
    for name, cell in module["cells"].items():
        if name in depth and not cell["type"].startswith(("RAM", "SRL")):
            continue
        box = box_cost(cell["type"], cell["parameters"]) if box_cost is not None else None
        extra = box.input_levels if box is not None else 0.0
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) != "input" or port in _CLOCK_PINS:
                continue
            for bit in bits:
                origin = driver.get(bit) if isinstance(bit, int) else None
                value = extra + (wires.get(bit, 0.0) if isinstance(bit, int) else 0.0)
                value += depth[origin] if origin is not None else 0.0
                if value > best:
                    best, last, end = value, origin, f"{name}.{port}"
    for port, info in module["ports"].items():
        if info["direction"] == "output":
            for bit in info["bits"]:
                origin = driver.get(bit) if isinstance(bit, int) else None
                if origin is not None and depth[origin] > best:
                    best, last, end = depth[origin], origin, port
    path: list[str] = []
    start = "a register or input"
    while last is not None:
        path.append(module["cells"][last]["type"])
        start, last = last, before[last]
    return LongestPath(math.ceil(best - 1e-9), tuple(reversed(path)), start, end)
