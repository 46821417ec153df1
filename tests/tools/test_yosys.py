"""Planning and running yosys, and counting what it mapped on circuits that are known."""

from __future__ import annotations

import json
from collections import Counter
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from flow.errors import ToolError, UserError
from flow.hardware.synthesis.utilisation import Utilisation, count_cells, logic_levels
from flow.tools import yosys
from flow.tools.process import execute
from flow.tools.yosys import SynthesisJob, literal, parameter_text, parameter_value, plan_synthesis

BOX = "module box #(parameter int unsigned Width = 8) (\n  input logic [Width-1:0] a_i\n);\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.sv"
    path.write_text(text, encoding="utf-8")
    return path


def test_plan_reads_boxes_as_stubs_and_sets_every_parameter(tmp_path: Path) -> None:
    top = write(tmp_path, "top_kernel", "module top_kernel; endmodule\n")
    box = write(tmp_path, "box", BOX + "  assign secret = a_i;\nendmodule\n")
    job = SynthesisJob(
        "top_kernel",
        (top, box),
        {"Width": 8, "Flag": "1'b1", "File": '"a.mem"'},
        "xcup",
        frozenset({"box"}),
        ("debug_o",),
    )
    work = tmp_path / "work"
    plan = plan_synthesis(job, work)
    assert plan.argv[1:] == ("-m", "flow.tools.yosys_script", "script.ys")
    assert plan.files[work / "box_box.sv"] == f"(* blackbox *)\n{BOX}endmodule\n"
    lines = plan.files[work / "script.ys"].splitlines()
    assert lines == [
        "read_verilog -sv -lib box_box.sv",
        f"read_verilog -sv -defer {top}",
        "hierarchy -top top_kernel -chparam File 40'h612e6d656d -chparam Flag 1'b1"
        " -chparam Width 8",
        "rename -top top",
        "delete -port top/o:debug_o",
        *yosys.map_commands("xcup", "top"),
    ]
    assert lines[-1] == "write_json netlist.json"
    assert (
        sum("synth_xilinx -family xcup -flatten -noiopad -noclkbuf" in line for line in lines) == 3
    )


def test_parameters_come_back_from_a_netlist_as_they_were_given() -> None:
    assert literal('"a"') == "8'h61" and literal(7) == "7" and literal("1'b0") == "1'b0"
    assert parameter_value("0" * 28 + "1010") == 10
    assert parameter_text(f"{int.from_bytes(b'block'):b}") == "block"
    assert parameter_text("auto ") == "auto"


def test_closure_holds_every_module_below_and_names_a_missing_one(tmp_path: Path) -> None:
    write(tmp_path, "bnn_a", "module bnn_a;\n  bnn_b #(\n  ) u_b ();\nendmodule\n")
    b = write(tmp_path, "bnn_b", "module bnn_b;\n  bnn_c u_c ();\nendmodule\n")
    with pytest.raises(UserError, match=r"bnn_c\.sv: module bnn_c has no file here"):
        yosys.module_closure(tmp_path, "bnn_a")
    write(tmp_path, "bnn_c", "module bnn_c; endmodule\n")
    assert [p.stem for p in yosys.module_closure(tmp_path, "bnn_a")] == ["bnn_a", "bnn_b", "bnn_c"]
    assert b in yosys.module_closure(tmp_path, "bnn_b")


CIRCUITS = {
    # name: (ports and body, parameters' effect) -> (LUT, FF, levels)
    "xor6": ("(input logic [5:0] a_i, output logic y_o); assign y_o = ^a_i;", (1, 0, 1)),
    "toggle": (
        "(input logic clk_i, output logic y_o); always_ff @(posedge clk_i) y_o <= ~y_o;",
        (1, 1, 1),
    ),
    # 33 bits of carry in nine CARRY4: one level in, 32 bits on are two more
    "add32": (
        "(input logic clk_i, input logic [31:0] a_i, b_i, output logic [32:0] y_o);"
        " always_ff @(posedge clk_i) y_o <= a_i + b_i;",
        (None, 33, 4),
    ),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_known_circuits_are_counted_by_hand(name: str, tmp_path: Path) -> None:
    body, (luts, registers, levels) = CIRCUITS[name]
    source = write(tmp_path, name, f"module {name} {body}\nendmodule\n")
    _, netlist = yosys.timed_synthesis(SynthesisJob(name, (source,), {}, "xc7"), tmp_path, 120)
    found = count_cells(netlist)
    if luts is not None:
        assert found == Utilisation(lut=luts, ff=registers)
    else:
        assert found.ff == registers and 32 <= found.lut <= 34
    assert logic_levels(netlist).levels == levels, logic_levels(netlist)


EVERYTHING = """module everything (
  input logic clk_i, we_i, input logic [10:0] a_i, input logic [17:0] d_i,
  output logic [35:0] product_o, output logic [17:0] block_o, output logic [7:0] small_o
);
  logic [17:0] block [0:2047];
  logic [7:0] small [0:31];
  always_ff @(posedge clk_i) begin
    if (we_i) block[a_i] <= d_i;
    block_o <= block[a_i];
    if (we_i) small[a_i[4:0]] <= d_i[7:0];
    product_o <= d_i * block_o;
  end
  assign small_o = small[a_i[9:5]];
endmodule
"""


@pytest.mark.parametrize("family", ["xc7", "xcup"])
def test_what_is_left_out_of_synth_xilinx_changes_no_netlist(family: str, tmp_path: Path) -> None:
    source = write(tmp_path, "everything", EVERYTHING)
    job = SynthesisJob("everything", (source,), {}, family)
    _, netlist = yosys.timed_synthesis(job, tmp_path, 120)
    found = Counter(cell["type"] for cell in netlist["cells"].values())
    assert {kind[:4] for kind in found} >= {"RAMB", "RAM3", "DSP4"}
    whole = f"synth_xilinx -family {family} -flatten -noiopad -noclkbuf -top everything"
    lines = [f"read_verilog -sv {source}", whole, f"write_json {yosys.NETLIST}"]
    execute(yosys.plan_script(lines, tmp_path), log=tmp_path / "log", timeout_s=120)
    modules = json.loads((tmp_path / yosys.NETLIST).read_text())["modules"]
    cells = modules["everything"]["cells"].values()
    assert found == Counter(cell["type"] for cell in cells)


def test_a_condition_asks_whether_the_selection_holds_something(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        "one",
        "module one (input logic a_i, output logic y_o);\n  assign y_o = ~a_i;\nendmodule\n",
    )
    lines = [
        f"read_verilog -sv {source}",
        "where t:$mem*: log memory",
        "where t:$not: log inverter",
    ]
    said = execute(yosys.plan_script(lines, tmp_path), log=tmp_path / "log", timeout_s=60).output
    assert "\ninverter\n" in said and "\nmemory\n" not in said


def test_another_yosys_catalogue_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModuleSpec("pyosys", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(yosys.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(UserError, match=r"cells_xtra\.v: DSP48E2 is not there.*pyosys==0\.70"):
        yosys.primitives.__wrapped__()


def test_a_failure_names_command_log_and_yosys_own_error(tmp_path: Path) -> None:
    source = write(
        tmp_path, "broken", "module broken (input logic a_i);\n  assign = 1;\nendmodule\n"
    )
    with pytest.raises(ToolError, match=r"broken\.sv:2: .*ERROR"):
        yosys.timed_synthesis(SynthesisJob("broken", (source,), {}, "xc7"), tmp_path, 60)
