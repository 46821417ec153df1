"""Verilator in the place of Vivado's simulator: FINN's engine on a module of our own."""

from __future__ import annotations

import importlib

import pytest

from flow.errors import ToolError, UserError
from flow.finn.xsi import install
from flow.finn.xsi.compare import prepared
from flow.finn.xsi.compile import compile_sim_obj

DELAYED_SUM = """
module delayed_sum #(parameter Limit = 255) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    input  logic [7:0] in0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY,
    output logic [103:0] out0_V_TDATA,
    output logic [3:0] odd__name,
    output logic [31:0] never_reset
);
  logic full_q;
  logic [103:0] word_q;
  assign in0_V_TREADY  = !full_q || out0_V_TREADY;
  assign out0_V_TVALID = full_q;
  assign out0_V_TDATA  = word_q;
  assign odd__name     = 4'd9;
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      full_q <= 1'b0;
    end else if (in0_V_TREADY) begin
      full_q <= in0_V_TVALID;
      word_q <= {in0_V_TDATA, 88'd0, in0_V_TDATA + 8'd1};
      if (in0_V_TVALID && in0_V_TDATA > Limit[7:0]) $fatal(1, "%0d is too much", in0_V_TDATA);
    end
  end
  always_ff @(posedge ap_clk) if (never_reset == 0) never_reset <= 0;
endmodule
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sum")
    source = folder / "delayed_sum.sv"
    source.write_text(DELAYED_SUM.replace("Limit = 255", "Limit = 200"))
    return compile_sim_obj("delayed_sum", [source], folder)


@pytest.fixture
def xsi():
    with prepared():
        yield importlib.import_module("finn.xsi")


def run(xsi, library, words):
    sim = xsi.load_sim_obj(*library)
    try:
        xsi.reset_rtlsim(sim)
        io = {"inputs": {"in0": list(words)}, "outputs": {"out0": []}}
        cycles = xsi.rtlsim_multi_io(sim, io, len(words), sname="_V", liveness_threshold=100)
        return io["outputs"]["out0"], cycles
    finally:
        xsi.close_rtlsim(sim)


def test_words_wider_than_64_bits_come_out_whole(xsi, library):
    words, cycles = run(xsi, library, range(100))
    assert words == [(value << 96) | (value + 1) for value in range(100)]
    assert 100 <= cycles <= 110


def test_a_closed_simulation_can_be_loaded_again(xsi, library):
    assert run(xsi, library, [1, 2])[0] == run(xsi, library, [1, 2])[0]


def test_fatal_in_the_rtl_is_an_exception_here(xsi, library):
    with pytest.raises(RuntimeError, match=r"delayed_sum\.sv:\d+"):
        run(xsi, library, [1, 201])
    assert run(xsi, library, [3])[0] == [(3 << 96) | 4]


def test_a_stream_that_stops_is_told_by_the_watchdog(xsi, library):
    sim = xsi.load_sim_obj(*library)
    try:
        xsi.reset_rtlsim(sim)
        io = {"inputs": {"in0": [1]}, "outputs": {"out0": []}}
        with pytest.raises(Exception, match="out0_V timeout"):
            xsi.rtlsim_multi_io(sim, io, 2, sname="_V", liveness_threshold=50)
    finally:
        xsi.close_rtlsim(sim)


def test_ports_keep_their_names_widths_and_directions(xsi, library):
    sim = xsi.load_sim_obj(*library)
    try:
        ports = {port.name(): port for port in sim.top.ports()}
        assert ports["odd__name"].width() == 4
        assert ports["odd__name"].read().as_unsigned() == 9
        assert ports["odd__name"].as_binstr() == "1001"
        assert ports["out0_V_TDATA"].isOutput()
        assert ports["out0_V_TDATA"].width() == 104
        assert ports["in0_V_TDATA"].isInput()
        with pytest.raises(RuntimeError, match="no port nothing; there are ap_clk"):
            sim.top.getPort("nothing")
    finally:
        xsi.close_rtlsim(sim)
    with pytest.raises(RuntimeError, match="closed"):
        ports["odd__name"].read()


def test_registers_without_reset_start_with_bits_of_the_seed(xsi, library):
    simulator = importlib.import_module("flow.finn.xsi.simulator")
    found = []
    for seed in (1, 1, 2):
        kernel = simulator.Kernel("verilator")
        kernel.seed = seed
        design = simulator.Design(kernel, str(library[0] / library[1]))
        found.append(design.getPort("never_reset").read().as_unsigned())
        design.close()
    assert found[0] == found[1] != found[2]


def test_an_elaboration_error_stops_the_build(tmp_path):
    source = tmp_path / "wrong.sv"
    source.write_text(
        "module wrong (input logic a, output logic b);\n"
        '  if (1) begin : gen_bad\n    $error("never legal");\n  end\n'
        "  assign b = a;\nendmodule\n"
    )
    with pytest.raises(ToolError, match="never legal"):
        compile_sim_obj("wrong", [source], tmp_path / "sim")


def test_two_drivers_stop_the_build_of_foreign_rtl(tmp_path):
    source = tmp_path / "two.sv"
    source.write_text(
        "module two (input logic a, input logic c, output logic b);\n"
        "  always_comb b = a;\n  always_comb b = c;\nendmodule\n"
    )
    with pytest.raises(ToolError, match="MULTIDRIVEN"):
        compile_sim_obj("two", [source], tmp_path / "sim")


def test_a_source_that_is_missing_or_vhdl_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist; run PrepareIP first"):
        compile_sim_obj("top", [tmp_path / "top.sv"], tmp_path)
    with pytest.raises(UserError, match=r"top\.vhd is not Verilog"):
        compile_sim_obj("top", [tmp_path / "top.vhd"], tmp_path)
    with pytest.raises(UserError, match="size_fifos"):
        compile_sim_obj("top", [], tmp_path, fifosim=True)


def test_a_memory_image_that_is_not_there_is_an_error(xsi, tmp_path):
    source = tmp_path / "rom.sv"
    source.write_text(
        "module rom (input logic ap_clk, input logic ap_rst_n, output logic [7:0] q);\n"
        '  logic [7:0] mem[4];\n  initial $readmemh("nowhere.dat", mem);\n'
        "  assign q = mem[{ap_clk, ap_rst_n}];\nendmodule\n"
    )
    library = compile_sim_obj("rom", [source], tmp_path)
    with pytest.raises(RuntimeError, match=r"nowhere\.dat"):
        xsi.load_sim_obj(*library)


def test_a_debug_build_writes_a_trace(xsi, tmp_path):
    source = tmp_path / "delayed_sum.sv"
    source.write_text(DELAYED_SUM.replace("Limit = 255", "Limit = 200"))
    base, relative = compile_sim_obj("delayed_sum", [source], tmp_path, debug=True)
    sim = xsi.load_sim_obj(base, relative, "node.wdb")
    xsi.reset_rtlsim(sim)
    xsi.close_rtlsim(sim)
    assert "ap_rst_n" in (tmp_path / "node.vcd").read_text()


def test_installing_twice_changes_nothing(xsi):
    before = xsi.compile_sim_obj
    install()
    assert xsi.compile_sim_obj is before
    assert xsi.is_available()
