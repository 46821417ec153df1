"""Our own rules for the RTL, on slang's syntax and elaboration: what yosys reads differently."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import ROOT, RTL, SOURCES, TB_COMMON, TOP, bench_top
from pyslang import ast, driver, syntax
from test_netlist import more_cases, small_cases
from test_yosys import yosys

from flow.check.netlist.emit import MODELS

TESTBENCHES = sorted([*(RTL / "tb").glob("*.sv"), *MODELS.glob("*.sv")])
NOT_OURS = {
    "UnknownModule LUT6_2",  # vendor primitives
    "UnknownModule FDRE",
    "ErrorTask bnn_rom",  # slang elaborates modules without parameters, where a ROM has no image
}
ALSO_ERRORS = {
    "Redefinition",  # a warning for slang, an error for Verilator
    "ImplicitNet",  # an undeclared name in a connection becomes a wire of one bit
}


@dataclass(frozen=True)
class Finding:
    file: str
    line: int
    rule: str
    text: str


class Reading:
    """Sources as slang reads them; `top`: elaborated from there, else from every module."""

    def __init__(self, files: Sequence[Path], top: str = "") -> None:
        self.driver = driver.Driver()
        self.driver.addStandardArgs()
        arguments = ["slang", *(["--top", top] if top else []), *(str(file) for file in files)]
        assert self.driver.parseCommandLine(" ".join(arguments))
        assert self.driver.processOptions() and self.driver.parseAllSources()
        self.compilation = self.driver.createCompilation()
        self.diagnostics = self.compilation.getAllDiagnostics()

    def finding(self, location: Any, rule: str, text: str) -> Finding:
        manager = self.driver.sourceManager
        name = Path(manager.getFileName(location)).name
        shown = re.sub(r"\s+", " ", text).strip()
        return Finding(name, manager.getLineNumber(location), rule, shown)

    def errors(self) -> list[Finding]:
        """What the language forbids: a use before the declaration, for instance."""
        found = []
        for diagnostic in self.diagnostics:
            rule = re.sub(r"DiagCode\((\w+)\)", r"\1", str(diagnostic.code))
            if diagnostic.isError() or rule in ALSO_ERRORS:
                text = " ".join(str(argument).strip(" :") for argument in diagnostic.args)
                if not any(f"{rule} {text}".startswith(known) for known in NOT_OURS):
                    found.append(self.finding(diagnostic.location, rule, text))
        return found

    def casts_under_unary(self) -> list[Finding]:
        """`~N'(x)`: yosys reads `(~N)'(x)`. In parentheses, `~(N'(x))`, all read the same."""
        found = []

        def visit(node: Any) -> None:
            cast = syntax.SyntaxKind.CastExpression
            if isinstance(node, syntax.PrefixUnaryExpressionSyntax) and node.operand.kind == cast:
                found.append(self.finding(node.sourceRange.start, "cast", str(node)))

        for tree in self.driver.syntaxTrees:
            tree.root.visit(visit)
        return found

    def widened(self) -> list[Finding]:
        """`~a`, `-a` or `a << n` in a wider place: its upper bits depend on what stands around."""
        found: dict[Finding, None] = {}

        def visit(node: Any) -> ast.VisitAction:
            operand = None
            if isinstance(node, ast.UnaryExpression):
                if node.op in (ast.UnaryOperator.BitwiseNot, ast.UnaryOperator.Minus):
                    operand = node.operand
            elif isinstance(node, ast.BinaryExpression) and node.op in (
                ast.BinaryOperator.LogicalShiftLeft,
                ast.BinaryOperator.ArithmeticShiftLeft,
            ):
                operand = node.left
            if (
                isinstance(operand, ast.ConversionExpression)
                and operand.isImplicit
                and operand.operand.type.bitWidth < operand.type.bitWidth
            ):
                at = node.sourceRange.start
                found[self.finding(at, "widened", str(node.syntax))] = None
            return ast.VisitAction.Advance

        self.compilation.getRoot().visit(visit)
        return list(found)


def of_text(text: str, directory: Path) -> Reading:
    (directory / "t.sv").write_text(text, encoding="utf-8")
    return Reading([directory / "t.sv"])


def test_kernels_and_testbenches_keep_the_rules() -> None:
    reading = Reading([*SOURCES, *TESTBENCHES])
    assert reading.errors() + reading.casts_under_unary() + reading.widened() == []


def test_every_class_of_parameters_keeps_the_rules(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    top = tmp_path / f"{TOP}.sv"
    top.write_text(bench_top(small_cases(rng) + more_cases(rng)), encoding="utf-8")
    reading = Reading([*SOURCES, *TESTBENCHES, top], TOP)
    assert reading.errors() + reading.widened() == []


def test_a_use_before_the_declaration_is_found(tmp_path: Path) -> None:
    body = "  assign o = late;\n  logic late;\n  assign late = 1'b0;\n"
    text = f"module t (output logic o);\n{body}endmodule\n"
    found = of_text(text, tmp_path).errors()
    assert [(f.rule, f.line) for f in found] == [("UsedBeforeDeclared", 2)]


@pytest.mark.parametrize("connection", [".a(a), .b(hidden)", "a, hidden", ".*, .b(hidden)"])
def test_an_undeclared_name_in_a_connection_is_found(connection: str, tmp_path: Path) -> None:
    inner = "module u (input logic a, output logic b);\n  assign b = a;\nendmodule\n"
    text = f"{inner}module t (input logic a);\n  u x ({connection});\nendmodule\n"
    found = of_text(text, tmp_path).errors()
    assert [(f.rule, f.text) for f in found] == [("ImplicitNet", "hidden")]


def test_a_second_declaration_is_found(tmp_path: Path) -> None:
    text = "module t (output logic o);\n  logic a;\n  logic a;\n  assign a = 0, o = a;\nendmodule\n"
    assert [(f.rule, f.line) for f in of_text(text, tmp_path).errors()] == [("Redefinition", 3)]


@pytest.mark.parametrize(
    ("expression", "rules"),
    [
        ("~W'(a)", ["cast"]),
        ("-W'(a)", ["cast"]),
        ("~(W'(a))", []),
        ("~a", ["widened"]),
        ("-a", ["widened"]),
        ("a << n", ["widened"]),
        ("W'(a) << n", []),
        ("W'(~a)", ["widened"]),
        ("{~a, ~a}", []),
        ("W'(a) + W'(n)", []),
    ],
)
def test_the_rules_find(expression: str, rules: list[str], tmp_path: Path) -> None:
    ports = "input logic [3:0] a, input logic [2:0] n, output logic [7:0] o"
    header = f"module t #(parameter int unsigned W = 8) ({ports});"
    text = f"{header}\n  assign o = {expression};\nendmodule\n"
    reading = of_text(text, tmp_path)
    assert [f.rule for f in reading.casts_under_unary() + reading.widened()] == rules


READ_WRONG = ["~N'(1)", "-N'(1)", "&N'(15)", "^N'(1)", "~|N'(0)", "~N'(0) + 1", "N'(9) == ~N'(6)"]
READ_RIGHT = [
    *("~(N'(1))", "-(N'(1))", "8'd1 << N'(2)", "8'd200 >> N'(2)", "N'(3) << M", "16'(N'(9)) << M"),
    *("8'd1 - N'(2)", "N'(-1) + 8'd0", "{N'(9)}", "$signed(N'(9)) >>> 1", "N'(12) >> 1 << 3"),
    *("N'(3) * M", "2 ** N'(2)", "N'('1) << 1", "'1 << N", "(1 << N) - 1", "~4'd1", "-M"),
]


def test_which_constants_yosys_reads_differently(tmp_path: Path) -> None:
    """The ground the rule stands on: casts under a unary operator, and no other of these."""
    forms = READ_WRONG + READ_RIGHT
    lines = [
        "module t #(parameter int unsigned N = 4, parameter int unsigned M = 3) (",
        ", ".join(f"output logic [15:0] o{k}" for k in range(len(forms))),
        ");",
        *(f"localparam logic [15:0] P{k} = {f}; assign o{k} = P{k};" for k, f in enumerate(forms)),
        "endmodule\n",
    ]
    reading = of_text("\n".join(lines), tmp_path)
    yosys(tmp_path, "read_verilog -sv t.sv", "hierarchy -top t", "proc", "write_json t.json")
    ports = json.loads((tmp_path / "t.json").read_text())["modules"]["t"]["ports"]
    values: dict[str, int] = {}

    def visit(node: Any) -> ast.VisitAction:
        if isinstance(node, ast.ParameterSymbol):
            values[node.name] = int(node.value.value)
        return ast.VisitAction.Advance

    reading.compilation.getRoot().visit(visit)
    wrong = [
        form
        for k, form in enumerate(forms)
        if "".join(reversed(ports[f"o{k}"]["bits"])) != f"{values[f'P{k}']:016b}"
    ]
    assert wrong == READ_WRONG
    flagged = {finding.text for finding in reading.casts_under_unary()}
    assert all(any(text in form for text in flagged) for form in READ_WRONG), flagged


def test_these_rules_see_all_of_our_files() -> None:
    assert {path.stem for path in SOURCES} >= {"bnn_mvu", "bnn_shell", "bnn_event_counter"}
    assert all((ROOT / "flow/hardware/rtl/tb" / f"{name}.sv") in TESTBENCHES for name in TB_COMMON)
