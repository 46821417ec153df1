// Role: an AXI4-Lite slave becomes single reads and writes of 32-bit registers.
// How: one write and one read at a time; address and data of a write may come in any order. Every
//      access is answered OKAY: an error response would kill the Linux process that made it.
// Latency: read data ReadLatency + 2 cycles after the address, so that the registers behind it have
//          time for their multiplexer. write_o and read_o last one cycle; read_index_o stays.
module bnn_axi_lite #(
    parameter int unsigned AddrBits    = 12,
    parameter int unsigned ReadLatency = 2
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                s_axi_awvalid,
    output logic                s_axi_awready,
    input  logic [AddrBits-1:0] s_axi_awaddr,
    input  logic                s_axi_wvalid,
    output logic                s_axi_wready,
    input  logic [        31:0] s_axi_wdata,
    input  logic [         3:0] s_axi_wstrb,
    output logic                s_axi_bvalid,
    input  logic                s_axi_bready,
    input  logic                s_axi_arvalid,
    output logic                s_axi_arready,
    input  logic [AddrBits-1:0] s_axi_araddr,
    output logic                s_axi_rvalid,
    input  logic                s_axi_rready,
    output logic [        31:0] s_axi_rdata,
    output logic                write_o,
    output logic [AddrBits-3:0] write_index_o,   // address in registers
    output logic [        31:0] write_data_o,
    output logic [         3:0] write_strobe_o,
    output logic                read_o,
    output logic [AddrBits-3:0] read_index_o,
    input  logic [        31:0] read_data_i      // ReadLatency cycles after read_o
);
  logic aw_q, w_q, b_q, r_q, ar_q;
  logic [ReadLatency:0] read_q;  // bit k: k cycles after the address was taken
  logic [AddrBits-3:0] waddr_q, raddr_q;
  logic [31:0] wdata_q, rdata_q;
  logic [3:0] wstrb_q;

  assign s_axi_awready = !aw_q;
  assign s_axi_wready = !w_q;
  assign s_axi_bvalid = b_q;
  assign write_o = aw_q && w_q && !b_q;
  assign write_index_o = waddr_q;
  assign write_data_o = wdata_q;
  assign write_strobe_o = wstrb_q;

  if (ReadLatency < 1) begin : gen_illegal
    $error("bnn_axi_lite: ReadLatency=%0d, AddrBits=%0d; ReadLatency must be >= 1", ReadLatency,
           AddrBits);
  end

  assign s_axi_arready = !ar_q;
  assign s_axi_rvalid = r_q;
  assign s_axi_rdata = rdata_q;
  assign read_o = read_q[0];
  assign read_index_o = raddr_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_q <= 1'b0;
      w_q <= 1'b0;
      b_q <= 1'b0;
      r_q <= 1'b0;
      ar_q <= 1'b0;
      read_q <= '0;
    end else begin
      read_q <= {read_q[ReadLatency-1:0], s_axi_arvalid && !ar_q};
      if (s_axi_awvalid && !aw_q) aw_q <= 1'b1;
      if (s_axi_wvalid && !w_q) w_q <= 1'b1;
      if (write_o) b_q <= 1'b1;
      if (b_q && s_axi_bready) begin
        aw_q <= 1'b0;
        w_q <= 1'b0;
        b_q <= 1'b0;
      end
      if (s_axi_arvalid && !ar_q) ar_q <= 1'b1;
      else if (r_q && s_axi_rready) ar_q <= 1'b0;
      if (read_q[ReadLatency]) r_q <= 1'b1;
      else if (s_axi_rready) r_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!aw_q) waddr_q <= s_axi_awaddr[AddrBits-1:2];
    if (!w_q) wdata_q <= s_axi_wdata;
    if (!w_q) wstrb_q <= s_axi_wstrb;
    if (!ar_q) raddr_q <= s_axi_araddr[AddrBits-1:2];
    if (read_q[ReadLatency]) rdata_q <= read_data_i;
  end

  logic unused_low;
  assign unused_low = &{1'b0, s_axi_awaddr[1:0], s_axi_araddr[1:0]};

`ifndef SYNTHESIS
  bnn_stream_check #(
      .Width(32)
  ) u_check_read (
      .clk_i,
      .rst_ni,
      .valid_i(s_axi_rvalid),
      .ready_i(s_axi_rready),
      .data_i (s_axi_rdata)
  );
`endif
endmodule
