"""yosys reads every kernel with its plain `read_verilog -sv` and maps a small instance of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import SOURCES, write_words

from flow.tools import process

SYNTHESISE = """
import sys
from pyosys import libyosys as ys
design = ys.Design()
for command in sys.argv[1:]:
    ys.run_pass(command, design)
"""

INSTANCES = {
    "bnn_stream_reg": {"Width": "4"},
    "bnn_fifo": {"Width": "4", "Depth": "40"},
    "bnn_width_converter": {"InWidth": "4", "OutWidth": "6"},
    "bnn_sliding_window": {"PadTop": "1", "PadLeft": "1"},
    "bnn_maxpool": {},
    "bnn_pool": {"PoolH": "3", "PadTop": "1", "ElemBits": "2", "OutBits": "2"},
    "bnn_mvu": {
        "MW": "18",
        "SIMD": "9",
        "PadFlags": "1",
        "WeightFile": '"weights.hex"',
        "ThreshFile": '"thresholds.hex"',
        "WeightStyle": '"distributed"',
    },
    "bnn_threshold": {
        "ThreshFile": '"weights.hex"',
        "InBits": "2",
        "ThreshBits": "3",
        "Falls": "1",
    },
    "bnn_input_table": {"OutBits": "2", "TableFile": '"weights.hex"'},
    "bnn_input_offset": {},
    "bnn_label_select": {"Lanes": "2"},
}


def yosys(directory: Path, *commands: str) -> str:
    """Run yosys commands in a process of their own (a failed one ends the interpreter)."""
    (directory / "run.py").write_text(SYNTHESISE, encoding="utf-8")
    done = process.run(
        [_python(), "run.py", *commands], cwd=directory, log=directory / "yosys.log", timeout_s=600
    )
    return done.output


def _python() -> str:
    import sys

    return sys.executable


def read_command() -> str:
    return "read_verilog -sv " + " ".join(str(source) for source in SOURCES)


def ports_of(source: Path) -> list[str]:
    """Names of a kernel's ports, in order."""
    header = source.read_text().split(") (\n", 1)[1].split(");", 1)[0]
    return [line.rstrip(",").split()[-1] for line in header.splitlines() if line.strip()]


@pytest.mark.parametrize("kernel", INSTANCES)
def test_small_instance_is_mapped(kernel: str, tmp_path: Path) -> None:
    write_words(tmp_path / "weights.hex", [(37 * n + 11) % 64 for n in range(256)])
    write_words(tmp_path / "thresholds.hex", [0x0509, 0x0308])
    parameters = ", ".join(f".{name}({value})" for name, value in INSTANCES[kernel].items())
    source = next(path for path in SOURCES if path.stem == kernel)
    # A shell whose ports are 64 bits wide: which of them matter is the kernel's business.
    ports = ports_of(source)
    declared = ", ".join(
        f"{'output' if port.endswith('_o') else 'input'} logic [63:0] {port}" for port in ports
    )
    joined = ", ".join(f".{port}({port})" for port in ports)
    (tmp_path / "top.sv").write_text(
        f"module top ({declared});\n  {kernel} #({parameters}) u_dut ({joined});\nendmodule\n"
    )
    yosys(
        tmp_path,
        read_command(),
        "read_verilog -sv top.sv",
        "synth_xilinx -family xcup -flatten -noiopad -top top",
        "check -assert",
        "tee -q -o stat.json stat -json",
    )
    cells = json.loads((tmp_path / "stat.json").read_text())["modules"]["\\top"][
        "num_cells_by_type"
    ]
    assert any(name.startswith("FD") for name in cells), cells
    assert not any(name.startswith(("DSP", "$")) and name != "$scopeinfo" for name in cells), cells


def test_window_of_fourteen_pixels_is_read_at_once(tmp_path: Path) -> None:
    """CNV at its fastest: yosys once took over 25 minutes to read it."""
    shape = {"Channels": 64, "Simd": 64, "IfmHeight": 30, "IfmWidth": 30}
    parameters = {**shape, "PixelsIn": 10, "PixelsOut": 14}
    yosys(
        tmp_path,
        read_command().replace("read_verilog", "read_verilog -defer"),
        "hierarchy -top bnn_sliding_window "
        + " ".join(f"-chparam {name} {value}" for name, value in parameters.items()),
        "rename -top top",
        "tee -q -o stat.json stat -json",
    )
    modules = json.loads((tmp_path / "stat.json").read_text())["modules"]
    assert any("bnn_window_choice" in name for name in modules), list(modules)
