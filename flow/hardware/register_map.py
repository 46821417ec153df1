"""The register map and the load header: from one file to RTL, both drivers and documentation.

`python -m flow.hardware.register_map` writes what is derived from `rtl/registers.toml`. It goes
between marks of the modules rather than into a SystemVerilog package: with one, the order of files
would matter in five tools.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flow.hardware.registers import Register, RegisterMap, register_map
from flow.hardware.sources import RTL_SOURCE_DIR
from flow.paths import repository_root, shown
from flow.tools.markdown import Marks, markdown_table, replace_block

_IN_RTL = Marks("  // registers.toml: begin", "  // registers.toml: end")
_IN_DOCS = Marks("<!-- registers.toml: begin -->", "<!-- registers.toml: end -->")
_WRITER = "written by `python -m flow.hardware.register_map`"


def registers_sv(found: RegisterMap) -> str:
    """Return the constants of `bnn_axi_regs`: word indices and bits."""
    lines = [
        f"  localparam logic [31:0] Magic = 32'h{found.constant('magic'):08X};",
        f"  localparam logic [31:0] ShellVersion = 32'd{found.constant('version')};",
    ]
    for register in found.registers:
        name = _camel(register.name)
        lines.append(f"  localparam logic [9:0] {name}Index = 10'h{register.address // 4:03X};")
        for field in register.fields:
            lines.append(f"  localparam int unsigned {name}{_camel(field.name)} = {field.bit};")
    return "\n".join(lines)


def loader_sv(found: RegisterMap) -> str:
    """Return the constants of `bnn_loader`."""
    load = found.load
    lines = [
        f"  localparam logic [31:0] Magic = 32'h{load.magic:08X};",
        f"  localparam logic [31:0] Version = 32'd{load.version};",
        f"  localparam logic [3:0] FirstHash = 4'd{load.hash_word};",
        f"  localparam logic [3:0] LastHash = 4'd{load.header_words - 1};",
    ]
    for error in load.error:
        lines.append(f"  localparam logic [2:0] {_camel(error.name)}Error = 3'd{error.code};")
    return "\n".join(lines)


def driver_module(found: RegisterMap) -> str:
    """Return `driver/interface.py`."""
    lines = [f'"""Addresses, bits and headers, {_WRITER}."""', ""]
    lines += ["from __future__ import annotations", ""]
    for name, value, hexadecimal in _constants(found):
        lines.append(f"{name} = {hexadecimal if hexadecimal else value}")
    lines += [
        "LOAD_ERRORS = {",
        *(f'    {error.code}: "{error.text}",' for error in found.load.error),
        "}",
        '"""What the error of the loader in the status register means."""',
    ]
    return "\n".join(lines) + "\n"


def driver_header(found: RegisterMap) -> str:
    """Return `driver/c/bnn_registers.h`."""
    lines = [f"/* Addresses, bits and headers, {_WRITER}. */"]
    lines += ["#ifndef BNN_REGISTERS_H", "#define BNN_REGISTERS_H", ""]
    for name, value, hexadecimal in _constants(found):
        lines.append(f"#define BNN_{name} {hexadecimal or value}u")
    lines += ["", "/* What the error of the loader in the status register means: X(code, text). */"]
    errors = [f'  X({error.code}, "{error.text}")' for error in found.load.error]
    lines.append(" \\\n".join(["#define BNN_LOAD_ERRORS(X)", *errors]))
    return "\n".join([*lines, "", "#endif"]) + "\n"


def _constants(found: RegisterMap) -> list[tuple[str, int, str]]:
    """Return name, value and its hexadecimal form, where it is written so."""
    rows = [("MAGIC", found.constant("magic"), f"0x{found.constant('magic'):08X}")]
    rows.append(("SHELL_VERSION", found.constant("version"), ""))
    for register in found.registers:
        name = f"ADDRESS_{register.name.upper()}"
        rows.append((name, register.address, f"0x{register.address:03X}"))
    for register in found.registers:
        for field in register.fields:
            name = f"{register.name}_{field.name}".upper()
            if field.width == 1:
                rows.append((name, 1 << field.bit, ""))
            else:
                rows.append((f"{name}_SHIFT", field.bit, ""))
                rows.append((f"{name}_MASK", (1 << field.width) - 1, ""))
    load = found.load
    rows.append(("LOAD_MAGIC", load.magic, f"0x{load.magic:08X}"))
    rows.append(("LOAD_VERSION", load.version, ""))
    rows.append(("LOAD_HASH_WORD", load.hash_word, ""))
    rows.append(("LOAD_HEADER_WORDS", load.header_words, ""))
    return rows


def markdown(found: RegisterMap) -> str:
    """Return the table of registers."""
    rows = []
    for register in found.registers:
        last = f"–0x{register.address + 4 * (register.words - 1):03X}" if register.words > 2 else ""
        rows.append(
            [
                f"0x{register.address:03X}{last}",
                register.name.replace("_", " "),
                {"read-only": "R", "write-only": "W"}[register.access],
                _meaning(register),
            ]
        )
    return markdown_table(["offset", "name", "", ""], rows)


def _meaning(register: Register) -> str:
    parts = [
        f"bit{'s' if field.width > 1 else ''} {field.bits} *{field.name.replace('_', ' ')}*: "
        f"{field.text}"
        for field in register.fields
    ]
    return "; ".join([register.text, *parts])


def derived() -> dict[Path, str]:
    """Return every file that is derived, with its text; UserError where the marks are missing."""
    root, found = repository_root(), register_map()
    blocks = {
        RTL_SOURCE_DIR / "bnn_axi_regs.sv": (registers_sv(found), _IN_RTL),
        RTL_SOURCE_DIR / "bnn_loader.sv": (loader_sv(found), _IN_RTL),
        root / "docs" / "ip_core.md": (markdown(found), _IN_DOCS),
    }
    texts = {
        root / "driver" / "interface.py": driver_module(found),
        root / "driver" / "c" / "bnn_registers.h": driver_header(found),
    }
    for path, (block, marks) in blocks.items():
        texts[path] = replace_block(path.read_text(encoding="utf-8"), block, shown(path), marks)
    return texts


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def main() -> None:
    """Write the derived files that are not current, and name them."""
    for path, text in derived().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"written: {path}\n")


if __name__ == "__main__":
    main()
