"""The register map and the load header: from one file to RTL, driver and documentation.

`python -m flow.hardware.register_map` writes what is derived from `rtl/registers.toml`. It goes
between marks of the modules rather than into a SystemVerilog package: with one, the order of files
would matter in five tools.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flow.hardware.sources import RTL_SOURCE_DIR
from flow.paths import repository_root

SOURCE = RTL_SOURCE_DIR.parent / "registers.toml"
Map = dict[str, Any]


@cache
def register_map() -> Map:
    """Return the file's contents; ValueError where two registers share an address."""
    found = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    taken: dict[int, str] = {}
    for register in found["register"]:
        for word in range(register.get("words", 1)):
            address = register["address"] + 4 * word
            if address in taken or address % 4:
                other = taken.get(address, "half a word")
                raise ValueError(f"{register['name']}: 0x{address:03X} is {other}")
            taken[address] = register["name"]
    return found


def registers_sv(found: Map) -> str:
    """Return the constants of `bnn_axi_regs`: word indices and bits."""
    lines = [f"  localparam logic [31:0] Magic = 32'h{found['magic']:08X};"]
    lines.append(f"  localparam logic [31:0] ShellVersion = 32'd{found['version']};")
    for register in found["register"]:
        name = _camel(register["name"])
        lines.append(f"  localparam logic [9:0] {name}Index = 10'h{register['address'] // 4:03X};")
        for bit, position in register.get("bits", {}).items():
            lines.append(f"  localparam int unsigned {name}{_camel(bit)} = {position};")
    return "\n".join(lines)


def loader_sv(found: Map) -> str:
    """Return the constants of `bnn_loader`."""
    load = found["load"]
    lines = [
        f"  localparam logic [31:0] Magic = 32'h{load['magic']:08X};",
        f"  localparam logic [31:0] Version = 32'd{load['version']};",
        f"  localparam logic [3:0] FirstHash = 4'd{load['hash_word']};",
        f"  localparam logic [3:0] LastHash = 4'd{load['header_words'] - 1};",
    ]
    for error in load["error"]:
        lines.append(f"  localparam logic [2:0] {_camel(error['name'])}Error = 3'd{error['code']};")
    return "\n".join(lines)


def driver_module(found: Map) -> str:
    """Return `driver/interface.py`."""
    load = found["load"]
    lines = [
        '"""Addresses, bits and headers, written by `python -m flow.hardware.register_map`."""',
        "",
        "from __future__ import annotations",
        "",
        f"MAGIC = 0x{found['magic']:08X}",
        f"SHELL_VERSION = {found['version']}",
    ]
    for register in found["register"]:
        lines.append(f"ADDRESS_{register['name'].upper()} = 0x{register['address']:03X}")
    for register in found["register"]:
        for bit, position in register.get("bits", {}).items():
            name = f"{register['name']}_{bit}".upper()
            # What is more than one bit wide is read behind a shift.
            field = bit == "load_error"
            lines.append(f"{name}_SHIFT = {position}" if field else f"{name} = {1 << position}")
    lines += [
        f"LOAD_MAGIC = 0x{load['magic']:08X}",
        f"LOAD_VERSION = {load['version']}",
        f"LOAD_HASH_WORD = {load['hash_word']}",
        f"LOAD_HEADER_WORDS = {load['header_words']}",
        "LOAD_ERRORS = {",
        *(f'    {error["code"]}: "{error["text"]}",' for error in load["error"]),
        "}",
        '"""What the error of the loader in the status register means."""',
    ]
    return "\n".join(lines) + "\n"


def markdown(found: Map) -> str:
    """Return the table of registers."""
    lines = ["| offset | name | |", "|---|---|---|"]
    for register in found["register"]:
        address, words = register["address"], register.get("words", 1)
        last = f"–0x{address + 4 * (words - 1):03X}" if words > 2 else ""
        name = register["name"].replace("_", " ")
        lines.append(f"| 0x{address:03X}{last} | {name} | {register['text']} |")
    return "\n".join(lines)


def derived() -> dict[Path, str]:
    """Return every file that is derived, with the text it has to have."""
    root, found = repository_root(), register_map()
    blocks: dict[Path, tuple[str, str, Callable[[Map], str]]] = {
        RTL_SOURCE_DIR / "bnn_axi_regs.sv": ("  // registers.toml: ", "", registers_sv),
        RTL_SOURCE_DIR / "bnn_loader.sv": ("  // registers.toml: ", "", loader_sv),
        root / "docs" / "driver.md": ("<!-- registers.toml: ", " -->", markdown),
    }
    texts = {root / "driver" / "interface.py": driver_module(found)}
    for path, (mark, close, write) in blocks.items():
        begin, end = f"{mark}begin{close}\n", f"{mark}end{close}\n"
        before, _, rest = path.read_text(encoding="utf-8").partition(begin)
        after = rest.partition(end)[2]
        texts[path] = f"{before}{begin}{write(found)}\n{end}{after}"
    return texts


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def main() -> None:
    """Write the derived files that are not current, and name them."""
    for path, text in derived().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"written: {path}\n")


if __name__ == "__main__":
    main()
