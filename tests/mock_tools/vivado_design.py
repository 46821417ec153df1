"""The fake Vivado's block design: cells, connections, addresses, and what validation refuses."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from vivado_catalogue import (
    IPS,
    LITE_PORTS,
    OVERRIDDEN_MHZ,
    PLLS,
    PRESETS,
    PS_CLOCKS,
    SEGMENTS,
    STREAM_PORTS,
    WINDOWS,
    Interface,
    smartconnect,
)


class Refused(Exception):
    """What Vivado would print as an ERROR line."""


@dataclass
class Cell:
    """An instance of an IP or of a module."""

    name: str
    kind: str
    interfaces: dict[str, Interface]
    inputs: tuple[str, ...]
    optional_inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    properties: dict[str, str]
    widths: dict[str, int] = field(default_factory=dict)
    """Of a module's streams, and of its AXI-Lite addresses, in bits."""

    def enabled(self) -> dict[str, Interface]:
        return {
            name: interface
            for name, interface in self.interfaces.items()
            if not interface.enabled_by or self.properties[interface.enabled_by] == "1"
        }


class BlockDesign:
    """One block design."""

    def __init__(self, name: str, files: list[Path], part: str = "") -> None:
        self.name, self.files, self.part = name, files, part
        self.cells: dict[str, Cell] = {}
        self.nets: dict[str, str] = {}  # sink -> source
        self.buses: dict[str, str] = {}  # both directions
        self.addresses: dict[str, tuple[int, int]] = {}
        self.rest_assigned = self.validated = self.saved = self.generated = False
        self.automated: set[str] = set()
        self.checkpoint_mode = "Hierarchical"
        self.wrapper = ""

    def cell(self, name: str) -> Cell:
        if name not in self.cells:
            raise Refused(f"[BD 5-216] No cells matched '{name}'")
        return self.cells[name]

    def add_ip(self, name: str, vlnv: str) -> None:
        ip = next((ip for ip in IPS.values() if ip.vlnv == vlnv), None)
        if ip is None:
            raise Refused(f"[BD 5-390] IP definition not found for VLNV: {vlnv}")
        self._add(
            Cell(
                name,
                vlnv.split(":")[2],
                dict(ip.interfaces),
                ip.inputs,
                ip.optional_inputs,
                ip.outputs,
                dict(ip.properties),
            )
        )

    def add_module(self, name: str, module: str) -> None:
        """Make a cell of a Verilog module; Vivado tells its buses by the ports' names."""
        pattern = re.compile(rf"^module\s+{re.escape(module)}\b(.*?)\);", re.MULTILINE | re.DOTALL)
        for path in self.files:
            found = pattern.search(path.read_text()) if path.suffix in (".v", ".sv") else None
            if found and path.suffix == ".sv":
                raise Refused(
                    f"[filemgmt 56-195] Reference '{module}' contains a SystemVerilog top file"
                )
            if found:
                self._add(_module_cell(name, module, found[1]))
                return
        raise Refused(f"[filemgmt 56-1] no source file of module '{module}'")

    def _add(self, cell: Cell) -> None:
        if cell.name in self.cells:
            raise Refused(f"[BD 5-4] cell {cell.name} exists already")
        self.cells[cell.name] = cell

    def configure(self, name: str, key: str, value: str) -> None:
        cell = self.cell(name)
        if key not in cell.properties:
            raise Refused(f"[BD 41-1276] Cannot set the parameter {key} on /{name}. It is unknown")
        cell.properties[key] = value
        if cell.kind == "smartconnect":
            counts = int(cell.properties["NUM_SI"]), int(cell.properties["NUM_MI"])
            cell.interfaces = smartconnect(*counts)

    def setting(self, name: str, key: str) -> str:
        """Return a property; the PS computes the clock it makes, as Vivado's does: not above."""
        cell = self.cell(name)
        clock = PS_CLOCKS.get(cell.kind)
        if clock is None or key != clock.made:
            return cell.properties[key]
        return f"{made_clock(cell.kind, cell.properties, self.part):.6f}"

    def automate(self, name: str, rule: str, config: list[str], board_part: str = "") -> None:
        kind = self.cell(name).kind
        if rule != f"xilinx.com:bd_rule:{kind}":
            raise Refused(f"[BD 5-145] rule {rule} does not apply to /{name} ({kind})")
        if self.cell(name).properties != IPS[kind].properties:
            raise Refused(
                f"[BD 41-2] the preset would undo the settings of /{name}: set them after"
            )
        known = {"make_external", "apply_board_preset", "Master", "Slave"}
        unknown = set(config[::2]) - known
        if unknown or len(config) % 2:
            raise Refused(f"[BD 5-146] automation option {sorted(unknown)} is unknown")
        self.automated.add(name)
        if dict(zip(config[::2], config[1::2], strict=True)).get("apply_board_preset") == "1":
            self.cell(name).properties.update(PRESETS.get(board_part, {}))

    def pin(self, path: str) -> str:
        name, _, pin = path.partition("/")
        cell = self.cell(name)
        if pin not in (*cell.inputs, *cell.optional_inputs, *cell.outputs):
            raise Refused(f"[BD 5-232] No pins matched '{path}'")
        return path

    def interface_path(self, path: str) -> str:
        self.interface(path)
        return path

    def interface(self, path: str) -> Interface:
        name, _, bus = path.partition("/")
        interface = self.cell(name).enabled().get(bus)
        if interface is None:
            raise Refused(f"[BD 5-235] No interface pins matched '{path}'")
        return interface

    def connect(self, source: str, sink: str) -> None:
        cell, pin = source.split("/")
        if pin not in self.cells[cell].outputs:
            raise Refused(f"[BD 41-702] {source} drives nothing: it is an input")
        if sink.split("/")[1] in self.cells[sink.split("/")[0]].outputs:
            raise Refused(f"[BD 41-701] {sink} is an output: two drivers on one net")
        if sink in self.nets:
            raise Refused(f"[BD 41-703] {sink} is connected already")
        self.nets[sink] = source

    def connect_interfaces(self, first: str, second: str) -> None:
        one, two = self.interface(first), self.interface(second)
        if {one.mode, two.mode} != {"Master", "Slave"}:
            raise Refused(f"[BD 41-171] {first} and {second} are both {one.mode}")
        if ("axis" in (one.kind, two.kind)) and one.kind != two.kind:
            raise Refused(f"[BD 41-172] {first} is {one.kind}, {second} is {two.kind}")
        for path in (first, second):
            if path in self.buses:
                raise Refused(f"[BD 41-173] {path} is connected already")
        self.buses[first], self.buses[second] = second, first

    def segment(self, path: str) -> str:
        name, _, rest = path.partition("/")
        cell = self.cell(name)
        own = SEGMENTS.get(cell.kind, ("s_axi/reg0",) if cell.kind not in IPS else ())
        if rest not in own:
            raise Refused(f"[BD 5-431] No address segments matched '{path}'")
        return path

    def assign(self, segment: str, offset: int, size: int) -> None:
        decoded = 1 << self.cells[segment.split("/")[0]].widths.get("s_axi", 16)
        if size > decoded:
            raise Refused(f"[BD 41-1050] {segment}: {size:#x} is larger than the {decoded} bytes")
        if offset % size:
            raise Refused(f"[BD 41-1051] {segment}: {offset:#x} is not aligned to {size:#x}")
        ps = next((c for c in self.cells.values() if c.kind in WINDOWS), None)
        low, high = WINDOWS[ps.kind] if ps else (0, 0)
        if not low <= offset < offset + size <= high:
            raise Refused(f"[BD 41-1052] {segment}: {offset:#x} is outside the PS window")
        for other, (start, length) in self.addresses.items():
            if offset < start + length and start < offset + size:
                raise Refused(f"[BD 41-1053] {segment} overlaps {other}")
        self.addresses[segment] = (offset, size)

    def assign_rest(self) -> None:
        self.rest_assigned = True

    def validate(self) -> None:
        for cell in self.cells.values():
            self._check_cell(cell)
        for first, second in self.buses.items():
            one, two = self._width(first), self._width(second)
            if one and two and one != two:
                raise Refused(
                    f"[BD 41-237] Bus Interface property TDATA_NUM_BYTES does not match between "
                    f"/{first}({one // 8}) and /{second}({two // 8})"
                )
        segments = {"axi_dma_0/S_AXI_LITE/Reg", "accel/s_axi/reg0"}
        if segments - set(self.addresses) or not self.rest_assigned:
            raise Refused("[BD 41-1356] Slave segment is not assigned into address space")
        self.validated = True

    def _check_cell(self, cell: Cell) -> None:
        for pin in cell.inputs:
            if f"{cell.name}/{pin}" not in self.nets:
                raise Refused(f"[BD 41-758] The pin /{cell.name}/{pin} is not connected")
        for name, interface in cell.enabled().items():
            path = f"{cell.name}/{name}"
            if path not in self.buses:
                raise Refused(f"[BD 41-759] The interface /{path} is not connected")
            if interface.clock and f"{cell.name}/{interface.clock}" not in self.nets:
                raise Refused(f"[BD 41-758] The clock /{cell.name}/{interface.clock} is open")
        if cell.kind == "processing_system7" and cell.name not in self.automated:
            raise Refused("[BD 41-1] DDR and FIXED_IO of the PS are not external")

    def _width(self, path: str) -> int:
        name, _, bus = path.partition("/")
        cell = self.cells[name]
        keys = {
            "M_AXIS_MM2S": "c_m_axis_mm2s_tdata_width",
            "S_AXIS_S2MM": "c_s_axis_s2mm_tdata_width",
        }
        if cell.kind == "axi_dma" and bus in keys:
            return int(cell.properties[keys[bus]])
        return cell.widths.get(bus, 0)

    def handoff(self, version: str, part: str) -> str:
        """Return the .hwh as far as pynq reads it: modules, their parameters, the address map."""
        (master,) = (
            path.split("/")[1] for path, other in self.buses.items() if other == "control/S00_AXI"
        )
        ranges = "".join(
            f'<MEMRANGE ADDRESSBLOCK="reg0" BASENAME="C_BASEADDR" BASEVALUE="{start:#010x}" '
            f'HIGHNAME="C_HIGHADDR" HIGHVALUE="{start + size - 1:#010x}" '
            f'INSTANCE="{path.split("/")[0]}" IS_DATA="TRUE" IS_INSTRUCTION="TRUE" '
            f'MASTERBUSINTERFACE="{master}" MEMTYPE="REGISTER" '
            f'SLAVEBUSINTERFACE="{path.split("/")[1]}"/>\n'
            for path, (start, size) in self.addresses.items()
        )
        modules = "".join(self._module(cell, ranges) for cell in self.cells.values())
        return (
            f'<EDKSYSTEM EDWVERSION="1.2" VIVADOVERSION="{version}">\n'
            f'<SYSTEMINFO ARCH="zynq" BOARD="" DEVICE="{part}" NAME="{self.name}" PACKAGE="" '
            'SPEEDGRADE=""/>\n<EXTERNALPORTS/>\n'
            f"<EXTERNALINTERFACES/>\n<MODULES>\n{modules}</MODULES>\n</EDKSYSTEM>\n"
        )

    def _bus_name(self, cell: str, bus: str) -> str:
        """Return one name for both ends of a connection."""
        path = f"{cell}/{bus}"
        return min(path, self.buses.get(path, path)).replace("/", "_")

    def _module(self, cell: Cell, ranges: str) -> str:
        vlnv = IPS[cell.kind].vlnv if cell.kind in IPS else f"xilinx.com:module_ref:{cell.kind}:1.0"
        settings, mapped = dict(cell.properties), ""
        if cell.kind in PS_CLOCKS:
            settings.update(_divisors(cell, self.part))
            mapped = f"<MEMORYMAP>\n{ranges}</MEMORYMAP>"
        parameters = "".join(
            f'<PARAMETER NAME="{key}" VALUE="{value}"/>' for key, value in settings.items()
        )
        buses = "".join(
            f'<BUSINTERFACE BUSNAME="{self._bus_name(cell.name, name)}" DATAWIDTH="32" '
            f'NAME="{name}" TYPE="{bus.mode.upper()}" '
            f'VLNV="xilinx.com:interface:{"axis" if bus.kind == "axis" else "aximm"}:1.0">'
            "<PORTMAPS/></BUSINTERFACE>"
            for name, bus in cell.enabled().items()
        )
        return (
            f'<MODULE FULLNAME="/{cell.name}" HWVERSION="{vlnv.split(":")[3]}" '
            f'INSTANCE="{cell.name}" IPTYPE="PERIPHERAL" IS_ENABLE="1" MODCLASS="PERIPHERAL" '
            f'MODTYPE="{cell.kind}" VLNV="{vlnv}">\n'
            f"<PARAMETERS>{parameters}</PARAMETERS><PORTS/>"
            f"<BUSINTERFACES>{buses}</BUSINTERFACES>{mapped}</MODULE>\n"
        )


def _divisors(cell: Cell, part: str) -> dict[str, str]:
    """Return what the .hwh says about the PS's four clocks, of which one is on."""
    pll_mhz = PLLS.get(part, PS_CLOCKS[cell.kind].pll_mhz)
    product = round(pll_mhz / made_clock(cell.kind, cell.properties, part))
    divisor, enable, made, source = {
        "zynq_ultra_ps_e": (
            "PSU__CRL_APB__PL{}_REF_CTRL__DIVISOR{}",
            "PSU__FPGA_PL{}_ENABLE",
            "PSU__CRL_APB__PL{}_REF_CTRL__ACT_FREQMHZ",
            "PSU__CRL_APB__PL{}_REF_CTRL__SRCSEL",
        ),
        "processing_system7": (
            "PCW_FCLK{}_PERIPHERAL_DIVISOR{}",
            "PCW_FPGA_FCLK{}_ENABLE",
            "PCW_ACT_FPGA{}_PERIPHERAL_FREQMHZ",
            "PCW_FCLK{}_PERIPHERAL_CLKSRC",
        ),
    }[cell.kind]
    found = {}
    for k in range(4):
        found[divisor.format(k, 0)] = str(product if k == 0 else 1)
        found[divisor.format(k, 1)] = "1"
        found[enable.format(k)] = "1" if k == 0 else "0"
        found[made.format(k)] = f"{pll_mhz / product if k == 0 else pll_mhz:.6f}"
        found[source.format(k)] = "IOPLL" if cell.kind == "zynq_ultra_ps_e" else "IO PLL"
    return found


def made_clock(kind: str, properties: dict[str, str], part: str) -> float:
    """Return the clock that a PS makes, in MHz."""
    clock = PS_CLOCKS[kind]
    if properties[clock.override] == "1":
        return OVERRIDDEN_MHZ
    wanted, pll_mhz = float(properties[clock.wanted]), PLLS.get(part, clock.pll_mhz)
    return pll_mhz / math.ceil(pll_mhz / wanted)


def _module_cell(name: str, module: str, ports: str) -> Cell:
    found = {
        match[2]: int(match[1] or 0) + 1
        for match in re.finditer(r"(?:input|output)\s+wire\s*(?:\[(\d+):0\])?\s*(\w+)", ports)
    }
    missing = [f"s_axi_{port}" for port in LITE_PORTS if f"s_axi_{port}" not in found]
    for bus in ("s_axis", "m_axis"):
        missing += [f"{bus}_{port}" for port in STREAM_PORTS if f"{bus}_{port}" not in found]
    missing += [port for port in ("aclk", "aresetn") if port not in found]
    if missing:
        raise Refused(f"[IP_Flow 19-1] {module}: no bus could be inferred without {missing}")
    interfaces = {
        "s_axi": Interface("Slave", "axilite", clock="aclk"),
        "s_axis": Interface("Slave", "axis", clock="aclk"),
        "m_axis": Interface("Master", "axis", clock="aclk"),
    }
    widths = {bus: found[f"{bus}_tdata"] for bus in ("s_axis", "m_axis")}
    widths["s_axi"] = found["s_axi_awaddr"]
    return Cell(name, module, interfaces, ("aclk", "aresetn"), (), (), {}, widths)
