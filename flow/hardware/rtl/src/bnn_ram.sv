// Role: memory with one write and one read port. Style "auto", "distributed", "block" or "ultra"
//       (UltraRAM) goes to the tool as its ram_style. What is read while written is undefined.
// Latency: 1 cycle. Contents are unknown until written: UltraRAM has no initial ones.
module bnn_ram #(
    parameter int unsigned  Width    = 8,
    parameter int unsigned  Depth    = 16,
    parameter               RamStyle = "auto",
    localparam int unsigned AddrBits = (Depth > 1) ? $clog2(Depth) : 1
) (
    input  logic                clk_i,
    input  logic                wr_en_i,
    input  logic [AddrBits-1:0] wr_addr_i,
    input  logic [   Width-1:0] wr_data_i,
    input  logic [AddrBits-1:0] rd_addr_i,
    output logic [   Width-1:0] rd_data_o
);
`ifdef YOSYS
  localparam Style = (RamStyle == "ultra") ? "huge" : RamStyle;  // yosys' name for it
`else
  localparam Style = RamStyle;
`endif

  (* ram_style = Style *)
  logic [Width-1:0] mem[Depth];
  logic [Width-1:0] data_q;

  always_ff @(posedge clk_i) begin
    if (wr_en_i) mem[wr_addr_i] <= wr_data_i;
    data_q <= mem[rd_addr_i];
  end

  assign rd_data_o = data_q;
endmodule
