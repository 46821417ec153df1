"""component.xml: the accelerator in IP-XACT, for the IP catalogue of Vivado and other tools.

IEEE 1685-2009, the dialect that Vivado's own IP packager writes. What the standard leaves to a
vendor (names of buses, environments, families) is Vivado's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from flow.deploy.ip_core.core import LIBRARY, VENDOR, IpCore
from flow.hardware.interfaces import CLOCK, RESET, Interface, Port, interfaces
from flow.hardware.registers import SPAN, WORD_BITS, Word, register_map, words_of

if TYPE_CHECKING:
    from flow.hardware.design import Design

SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
XILINX = "http://www.xilinx.com"
_VIEWS = {
    "xilinx_anylanguagesynthesis": "synthesis",
    "xilinx_anylanguagebehavioralsimulation": "simulation",
}
_FAMILIES = (
    *("artix7", "kintex7", "spartan7", "virtex7", "zynq"),
    *("artixuplus", "kintexuplus", "virtexuplus", "zynquplus"),
)


class _Element:
    """An element of IP-XACT, and short ways to put others into it."""

    def __init__(self, element: ElementTree.Element, space: str = SPIRIT) -> None:
        self.element = element
        self._space = space

    def add(self, tag: str, text: object = None, space: str = "", **attributes: object) -> _Element:
        """Add a child of the same namespace, or of `space`; return it."""
        space = space or self._space
        named = {f"{{{space}}}{name}": str(value) for name, value in attributes.items()}
        child = ElementTree.SubElement(self.element, f"{{{space}}}{tag}", named)
        child.text = None if text is None else str(text)
        return _Element(child, space)

    def add_parameters(self, values: Mapping[str, object], prefix: str) -> None:
        """Add name-value pairs; Vivado finds them by their ids."""
        parameters = self.add("parameters")
        for name, value in values.items():
            parameter = parameters.add("parameter")
            parameter.add("name", name)
            parameter.add("value", value, id=f"{prefix}.{name}")


def component_xml(design: Design, core: IpCore) -> bytes:
    """Return the component: interfaces, registers, ports, files."""
    ElementTree.register_namespace("spirit", SPIRIT)
    ElementTree.register_namespace("xilinx", XILINX)
    root = _Element(ElementTree.Element(f"{{{SPIRIT}}}component"))
    for tag, value in (("vendor", VENDOR), ("library", LIBRARY), ("name", core.name)):
        root.add(tag, value)
    root.add("version", core.version)
    buses = root.add("busInterfaces")
    streams = interfaces(design.shell)
    for interface in streams:
        _add_interface(buses, interface)
    _add_clock_and_reset(buses, [interface.name for interface in streams])
    _add_registers(root.add("memoryMaps"), design, streams[0].name)
    _add_model(root.add("model"), design, streams)
    _add_files(root.add("fileSets"), core)
    root.add("description", core.description)
    parameter = root.add("parameters").add("parameter")
    parameter.add("name", "Component_Name")
    parameter.add("value", core.name, resolve="user", id="PARAM_VALUE.Component_Name", order=1)
    _add_vendor_extensions(root.add("vendorExtensions"), design, core)
    ElementTree.indent(root.element)
    text: bytes = ElementTree.tostring(root.element, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add_bus(buses: _Element, name: str, library: str, kind: str) -> _Element:
    bus = buses.add("busInterface")
    bus.add("name", name)
    for tag, suffix in (("busType", ""), ("abstractionType", "_rtl")):
        bus.add(tag, vendor="xilinx.com", library=library, name=f"{kind}{suffix}", version="1.0")
    return bus


def _add_port_map(maps: _Element, logical: str, physical: str) -> None:
    port_map = maps.add("portMap")
    port_map.add("logicalPort").add("name", logical)
    port_map.add("physicalPort").add("name", physical)


def _add_interface(buses: _Element, interface: Interface) -> None:
    bus = _add_bus(buses, interface.name, "interface", interface.kind)
    role = bus.add("master" if interface.master else "slave")
    if interface.kind == "aximm":
        role.add("memoryMapRef", memoryMapRef=interface.name)
    maps = bus.add("portMaps")
    widths = {}
    for port in interface.ports:
        signal = interface.signal(port)
        widths[signal] = port.width
        _add_port_map(maps, signal, port.name)
    values: dict[str, object] = {
        "PROTOCOL": "AXI4LITE",
        "DATA_WIDTH": widths.get("RDATA"),
        "ADDR_WIDTH": widths.get("ARADDR"),
    }
    if interface.kind == "axis":
        has = {f"HAS_{name}": int(name in widths) for name in ("TKEEP", "TLAST", "TREADY")}
        values = {"TDATA_NUM_BYTES": widths["TDATA"] // 8, **has}
    bus.add_parameters(values, f"BUSIFPARAM_VALUE.{interface.name}")


def _add_clock_and_reset(buses: _Element, clocked: list[str]) -> None:
    signals = (
        (CLOCK, "clock", "CLK", {"ASSOCIATED_BUSIF": ":".join(clocked), "ASSOCIATED_RESET": RESET}),
        (RESET, "reset", "RST", {"POLARITY": "ACTIVE_LOW"}),
    )
    for name, kind, logical, values in signals:
        bus = _add_bus(buses, name, "signal", kind)
        bus.add("slave")
        _add_port_map(bus.add("portMaps"), logical, name)
        bus.add_parameters(values, f"BUSIFPARAM_VALUE.{name}")


def _add_registers(maps: _Element, design: Design, name: str) -> None:
    memory_map = maps.add("memoryMap")
    memory_map.add("name", name)
    block = memory_map.add("addressBlock")
    block.add("name", "registers")
    block.add("baseAddress", "0x0")
    block.add("range", f"0x{SPAN:X}")
    block.add("width", WORD_BITS)
    block.add("usage", "register")
    block.add("access", "read-write")
    for word in words_of(register_map(), design):
        _add_register(block, word)


def _add_register(block: _Element, word: Word) -> None:
    register = block.add("register")
    register.add("name", word.name)
    register.add("description", word.register.text)
    register.add("addressOffset", f"0x{word.offset:03X}")
    register.add("size", WORD_BITS)
    register.add("volatile", str(word.register.volatile).lower())
    register.add("access", word.register.access)
    if word.reset is not None:
        reset = register.add("reset")
        reset.add("value", f"0x{word.reset:08X}")
        reset.add("mask", "0xFFFFFFFF")
    whole = ("value", word.register.text, 0, WORD_BITS)
    parts = [(part.name, part.text, part.bit, part.width) for part in word.register.fields]
    for name, text, bit, width in parts or [whole]:
        field = register.add("field")
        field.add("name", name)
        field.add("description", text)
        field.add("bitOffset", bit)
        field.add("bitWidth", width)
        field.add("volatile", str(word.register.volatile).lower())
        field.add("access", word.register.access)


def _add_model(model: _Element, design: Design, streams: tuple[Interface, ...]) -> None:
    views = model.add("views")
    for name, purpose in _VIEWS.items():
        view = views.add("view")
        view.add("name", name)
        view.add("envIdentifier", f":vivado.xilinx.com:{purpose}")
        view.add("language", "Verilog")
        view.add("modelName", design.shell.top)
        view.add("fileSetRef").add("localName", f"{name}_view_fileset")
    ports = model.add("ports")
    single = (Port(CLOCK, False, 1), Port(RESET, False, 1))
    for port in (*single, *(port for interface in streams for port in interface.ports)):
        element = ports.add("port")
        element.add("name", port.name)
        wire = element.add("wire")
        wire.add("direction", "out" if port.output else "in")
        if port.width > 1:
            vector = wire.add("vector")
            vector.add("left", port.width - 1)
            vector.add("right", 0)
        kind = wire.add("wireTypeDefs").add("wireTypeDef")
        kind.add("typeName", "wire")
        for name in _VIEWS:
            kind.add("viewNameRef", name)


def _add_files(sets: _Element, core: IpCore) -> None:
    for name in _VIEWS:
        files = sets.add("fileSet")
        files.add("name", f"{name}_view_fileset")
        for path in core.sources:
            file = files.add("file")
            file.add("name", path)
            file.add("fileType", f"{'v' if path.endswith('.v') else 'systemV'}erilogSource")
        for path in core.memories:
            file = files.add("file")
            file.add("name", path)
            file.add("userFileType", "mem")


def _add_vendor_extensions(parent: _Element, design: Design, core: IpCore) -> None:
    extensions = parent.add("coreExtensions", space=XILINX)
    families = extensions.add("supportedFamilies")
    for family in _FAMILIES:
        families.add("family", family, lifeCycle="Production")
    extensions.add("taxonomies").add("taxonomy", "/UserIP")
    extensions.add("displayName", core.name)
    extensions.add("vendorDisplayName", "bnnflow")
    # Vivado offers an upgrade where this differs: another accelerator of the same name.
    extensions.add("coreRevision", int(design.identity[:7], 16))
