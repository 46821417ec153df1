"""The rules that stand beside the kernels are those of the elaborated modules."""

from __future__ import annotations

import re
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import pytest

from flow.hardware.costs.grid import grid
from flow.hardware.kernels import KERNELS
from flow.hardware.kernels.kernel import Kernel
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.kernels.max_pool import MaxPool
from flow.hardware.kernels.sliding_window import SlidingWindow
from flow.hardware.kernels.threshold_unit import ThresholdUnit
from flow.hardware.kernels.window_pool import WindowPool
from flow.hardware.sources import LINT_WAIVERS, RTL_SOURCE_DIR, module_sources
from flow.tools.process import execute
from flow.tools.verilator import Verilator, first_error

UNITS = (
    MatrixVector(72, 8, 2, 6),
    MatrixVector(72, 8, 2, 9, pad_flags=True),
    MatrixVector(576, 64, 16, 64, weight_style="block", pixels=2),
    MatrixVector(27, 8, 4, 3, in_bits=8, in_signed=True, acc_bits=13),
    MatrixVector(72, 16, 4, 8, in_bits=2, weight_bits=4, steps=7, code_bits=3, acc_bits=11),
    MatrixVector(72, 16, 4, 8, weight_bits=3, steps=2, code_bits=2, code_low=3),
    MatrixVector(64, 10, 1, 16, steps=0),
)
WINDOWS = (
    SlidingWindow(8, 8, 4, 2, pad_top=1, pad_left=1, pad_bottom=1, pad_right=1),
    SlidingWindow(9, 7, 6, 3, kernel_h=5, kernel_w=3, stride_h=2, stride_w=2, pad_top=2),
    SlidingWindow(8, 8, 4, 4, pixels_in=2, pixels_out=4, pad_left=1, pad_right=1),
    SlidingWindow(6, 12, 2, 1, pixels_in=3, pixels_out=2, elem_bits=3),
    SlidingWindow(4, 4, 8, 1, kernel_h=1, kernel_w=1, stride_h=3, stride_w=3),
)
POOLS = (
    WindowPool(7, 9, 4, 2, 3, 3, 2, 1, 1, 1, 1, 1),
    WindowPool(6, 4, 2, 1, 3, 4, 2, 3, 0, 1, 1, 3, elem_bits=3, signed=True, sum=True),
    WindowPool(5, 5, 4, 4, 5, 2, 1, 2, sum=True),
    WindowPool(8, 2, 1, 1, 2, 5, 2, 1, 1, 4, 0, 4, elem_bits=4, sum=True, sum_bits=6),
    WindowPool(6, 26, 40, 2, 3, 3, 1, 1),
    WindowPool(4, 6, 4, 2, 1, 1, 3, 1, elem_bits=2, minimum=0b1010),
)
THRESHOLDS = (
    ThresholdUnit(8, 2, 4, False, 3, 2),
    ThresholdUnit(6, 6, 1, True, 1, 1, falls=True),
    ThresholdUnit(12, 3, 9, True, 15, 4, 8, falls=True, thresh_style="block"),
)
THRESHOLD_RULES = {
    "Groups": "groups",
    "RowBits": "row_bits",
    "ValueBits": "value_bits",
    "Latency": "latency",
    "FifoDepth": "fifo_depth",
}
AXIS_RULES = {
    "Windows": "windows",
    "Early": "early",
    "Tail": "tail",
    "Steps": "steps",
    "Open": "open",
    "Deep": "deep",
    "Inner": "inner",
    "Positions": "positions",
}
POOL_RULES = {"Groups": "groups", "TermBits": "term_bits", "RowBits": "row_bits"}
UNIT_RULES = {
    "SF": "sf",
    "NF": "nf",
    "Counts": "counts",
    "SumLatency": "sum_latency",
    "CodeLatency": "code_latency",
    "FifoDepth": "fifo_depth",
    "OutBits": "out_bits",
}
WINDOW_RULES = {
    "OfmHeight": "ofm_height",
    "OfmWidth": "ofm_width",
    "NumRows": "num_rows",
    "Banks": "banks",
    "Depth": "bank_depth",
    "Shifts": "orders",
    "Groups": "groups",
}
"""Names in the module -> properties of the kernel."""


def instance(k: int, kernel: Kernel, inner: str, rules: dict[str, str]) -> str:
    """An instance with open ports, and a line that prints what the module derives."""
    parameters = ", ".join(f".{name}({value})" for name, value in kernel.parameters().items())
    prints = "".join(f'    $display("{k} {name} %0d", u_{k}{inner}.{name});\n' for name in rules)
    return (
        f"  {kernel.module} #({parameters}) u_{k} (.clk_i(1'b0), .rst_ni(1'b0));\n"
        f"  initial begin\n{prints}  end\n"
    )


def elaborated(kernels: list[tuple[Kernel, str, dict[str, str]]], folder: Path) -> dict:
    """Return {(index, name): value} as Verilator elaborates the modules."""
    body = "".join(instance(k, *each) for k, each in enumerate(kernels))
    top = folder / "rules.sv"
    main = folder / "main.cpp"
    main.write_text(
        '#include "Vrules.h"\n#include "verilated.h"\n'
        "int main() { VerilatedContext c; Vrules top(&c); top.eval(); return 0; }\n"
    )
    text = f"module rules;\n{body}  initial $finish;\nendmodule\n"
    modules = dict.fromkeys(
        path for kernel, _, _ in kernels for path in module_sources(kernel.module)
    )
    verilator = Verilator.locate()
    plan = verilator.plan_build(
        [LINT_WAIVERS, *modules, top],
        top="rules",
        build_dir=folder / "obj",
        cpp=[main],
        optimize="-O0",
        files={top: f"/* verilator lint_off PINMISSING */\n{text}"},
    )
    execute(plan, log=folder / "log", timeout_s=600, first_error=first_error)
    import subprocess

    program = verilator.executable("rules", folder / "obj")
    said = subprocess.run([program], capture_output=True, text=True, check=False, cwd=folder)
    found = re.findall(r"^(\d+) (\w+) (-?\d+)$", said.stdout, re.M)
    return {(int(k), name): int(value) for k, name, value in found}


def test_rules_are_those_of_the_elaborated_modules(tmp_path: Path) -> None:
    kernels: list[tuple[Kernel, str, dict[str, str]]] = []
    # Loadable: what they derive is the same, and no memory asks for a file.
    kernels += [(replace(unit, loadable=True), "", UNIT_RULES) for unit in UNITS]
    kernels += [(window, ".gen_window.u_buffer", WINDOW_RULES) for window in WINDOWS]
    kernels += [(replace(unit, loadable=True), "", THRESHOLD_RULES) for unit in THRESHOLDS]
    kernels += [(pool, "", POOL_RULES) for pool in POOLS]
    axes = (("u_row", "across"), ("u_column", "down"))
    for inner, part in axes:
        kernels += [(pool, f".{inner}", _of_part(AXIS_RULES, part)) for pool in POOLS]
    found = elaborated(kernels, tmp_path)
    wanted = {
        (k, name): int(attrgetter(rule)(kernel))
        for k, (kernel, _, rules) in enumerate(kernels)
        for name, rule in rules.items()
    }
    assert found == wanted


def _of_part(rules: dict[str, str], part: str) -> dict[str, str]:
    return {name: f"{part}.{rule}" for name, rule in rules.items()}


@pytest.mark.parametrize("module", sorted(KERNELS))
def test_every_parameter_is_one_of_the_module(module: str) -> None:
    """The module declares what the table gives, and the table gives all that has no default use."""
    text = (RTL_SOURCE_DIR / f"{module}.sv").read_text()
    header = text[text.index("#(") : text.index(") (")]
    declared = set(re.findall(r"parameter[^,=\n]*?(\w+)\s*=", header))
    kernels = [KERNELS[k.module].of(dict(k.parameters)) for _, k in grid() if k.module == module]
    given = {name for kernel in kernels for name in kernel.parameters()}
    assert kernels and given <= declared


def test_a_kernel_survives_its_parameters() -> None:
    pool = MaxPool(4, 4, 6, 2, 2, 2, elem_bits=3, signed=True, minimum=0b100101)
    window = SlidingWindow(8, 8, 4, 2, elem_bits=4, pad_top=1, pad_elem=13)
    for kernel in (*UNITS, *WINDOWS, *POOLS, *THRESHOLDS, pool, window):
        again = type(kernel).of(kernel.parameters())
        assert again.parameters() == kernel.parameters()
        assert again.word == kernel.word
