"""The register map and the load header: from one file to RTL, driver and documentation.

`python -m flow.hardware.register_map` writes what is derived from `rtl/registers.toml`. It goes
between marks of the modules rather than into a SystemVerilog package: with one, the order of files
would matter in five tools.
"""

from __future__ import annotations

import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from flow.hardware.sources import RTL_SOURCE_DIR
from flow.paths import repository_root, shown
from flow.tools.markdown import Marks, markdown_table, replace_block

SOURCE = RTL_SOURCE_DIR.parent / "registers.toml"
Map = dict[str, Any]
_IN_RTL = Marks("  // registers.toml: begin", "  // registers.toml: end")
_IN_DOCS = Marks("<!-- registers.toml: begin -->", "<!-- registers.toml: end -->")


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
        for bit, position in (register.get("bits", {}) | register.get("fields", {})).items():
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
        prefix = register["name"].upper()
        for bit, position in register.get("bits", {}).items():
            lines.append(f"{prefix}_{bit.upper()} = {1 << position}")
        for field, position in register.get("fields", {}).items():
            lines.append(f"{prefix}_{field.upper()}_SHIFT = {position}")
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
    rows = []
    for register in found["register"]:
        address, words = register["address"], register.get("words", 1)
        last = f"–0x{address + 4 * (words - 1):03X}" if words > 2 else ""
        rows.append(
            [f"0x{address:03X}{last}", register["name"].replace("_", " "), register["text"]]
        )
    return markdown_table(["offset", "name", ""], rows)


def derived() -> dict[Path, str]:
    """Return every file that is derived, with its text; UserError where the marks are missing."""
    root, found = repository_root(), register_map()
    blocks = {
        RTL_SOURCE_DIR / "bnn_axi_regs.sv": (registers_sv(found), _IN_RTL),
        RTL_SOURCE_DIR / "bnn_loader.sv": (loader_sv(found), _IN_RTL),
        root / "docs" / "driver.md": (markdown(found), _IN_DOCS),
    }
    texts = {root / "driver" / "interface.py": driver_module(found)}
    for path, (block, marks) in blocks.items():
        texts[path] = replace_block(path.read_text(encoding="utf-8"), block, shown(path), marks)
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
