"""A second reader of all RTL: slang is strict where Verilator and yosys are not.

Vivado's xvlog refuses a name that is used before its declaration (VRFC 10-2938), Verilator takes
it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flow.paths import PACKAGE_DIR

pyslang = pytest.importorskip("pyslang", reason="pyslang is not installed")

SOURCES = sorted((PACKAGE_DIR / "rtl" / "src").glob("*.sv"))
EXPECTED = {
    "ErrorTask",  # our own refusal of default parameters: a top without its memory image
    "UnknownModule",  # vendor primitives
}


def complaints(paths: list[Path]) -> list[str]:
    """Return the errors slang finds, as "file:line Code"."""
    compilation = pyslang.ast.Compilation()
    manager = pyslang.SourceManager()
    for path in paths:
        compilation.addSyntaxTree(pyslang.syntax.SyntaxTree.fromFile(str(path), manager))
    found = []
    for diagnostic in compilation.getAllDiagnostics():
        code = str(diagnostic.code).removeprefix("DiagCode(").removesuffix(")")
        if diagnostic.isError() and code not in EXPECTED:
            place = diagnostic.location
            name = Path(manager.getFileName(place)).name
            found.append(f"{name}:{manager.getLineNumber(place)} {code}")
    return found


def test_all_rtl_is_read_by_slang_without_an_error() -> None:
    assert len(SOURCES) > 30
    assert complaints(SOURCES) == []


def test_a_name_used_before_its_declaration_is_found(tmp_path: Path) -> None:
    path = tmp_path / "late.sv"
    path.write_text(
        "module late (input logic a, output logic b);\n"
        "  assign b = c;\n  logic c;\n  assign c = a;\nendmodule\n"
    )
    assert complaints([path]) == ["late.sv:2 UsedBeforeDeclared"]


def test_a_syntax_error_is_found(tmp_path: Path) -> None:
    path = tmp_path / "wrong.sv"
    path.write_text("module wrong (input logic a;\nendmodule\n")
    assert complaints([path])
