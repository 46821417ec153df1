// Role: max-pool of one-bit activations: the OR of PoolH x PoolW pixels; stride = pool size.
// Input: row, column, channel group of Pe channels. Output: the same order on the pooled map.
// How: one partial OR per output column and group; the last pixel of a pool sends it on.
// Latency: 2 cycles after that pixel. Throughput: 1 beat a cycle in, no gap between rows or frames.
//          in_ready_o leaves from a register.
module bnn_maxpool #(
    parameter int unsigned IfmHeight = 4,
    parameter int unsigned IfmWidth  = 4,
    parameter int unsigned Channels  = 2,
    parameter int unsigned Pe        = 1,
    parameter int unsigned PoolH     = 2,
    parameter int unsigned PoolW     = 2
) (
    input  logic          clk_i,
    input  logic          rst_ni,
    input  logic          in_valid_i,
    output logic          in_ready_o,
    input  logic [Pe-1:0] in_data_i,
    output logic          out_valid_o,
    input  logic          out_ready_i,
    output logic [Pe-1:0] out_data_o
);
  localparam int unsigned Groups = Channels / Pe;
  localparam int unsigned OfmWidth = IfmWidth / PoolW;
  localparam int unsigned Depth = OfmWidth * Groups;
  localparam int unsigned AddrBits = (Depth > 1) ? $clog2(Depth) : 1;
  localparam int unsigned GroupBits = $clog2(Groups + 1);
  localparam int unsigned PxBits = $clog2(PoolW + 1);
  localparam int unsigned PyBits = $clog2(PoolH + 1);
  localparam logic [AddrBits-1:0] LastAddr = AddrBits'(Depth - 1);

  if (Pe < 1 || Channels % Pe != 0) begin : gen_bad_pe
    $error("bnn_maxpool: Pe=%0d does not divide Channels=%0d", Pe, Channels);
  end
  if (PoolH < 1 || IfmHeight % PoolH != 0) begin : gen_bad_height
    $error("bnn_maxpool: PoolH=%0d does not divide IfmHeight=%0d", PoolH, IfmHeight);
  end
  if (PoolW < 1 || IfmWidth % PoolW != 0) begin : gen_bad_width
    $error("bnn_maxpool: PoolW=%0d does not divide IfmWidth=%0d", PoolW, IfmWidth);
  end

  logic [Pe-1:0] in_data, partial, pooled, data_q;
  logic in_valid, in_ready, in_fire, valid_q;

  bnn_stream_reg #(
      .Width(Pe)
  ) u_in (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .out_valid_o(in_valid),
      .out_ready_i(in_ready),
      .out_data_o (in_data)
  );

  logic [Pe-1:0] mem[Depth];
  logic [AddrBits-1:0] addr_q;
  logic [AddrBits-1:0] base_q;  // address of this output pixel's group 0
  logic [GroupBits-1:0] group_q;
  logic [PxBits-1:0] px_q;  // column within the pool
  logic [PyBits-1:0] py_q;  // row within the pool
  logic last_group, last_px, last_py, last_col, begins, ends;

  assign last_group = group_q == GroupBits'(Groups - 1);
  assign last_px = px_q == PxBits'(PoolW - 1);
  assign last_py = py_q == PyBits'(PoolH - 1);
  assign last_col = addr_q == LastAddr;
  assign begins = px_q == '0 && py_q == '0;
  assign ends = last_px && last_py;

  assign partial = mem[addr_q];
  assign pooled = begins ? in_data : (in_data | partial);
  assign in_ready = !ends || !valid_q || out_ready_i;
  assign in_fire = in_valid && in_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      addr_q  <= '0;
      base_q  <= '0;
      group_q <= '0;
      px_q    <= '0;
      py_q    <= '0;
      valid_q <= 1'b0;
    end else begin
      if (in_fire && ends) valid_q <= 1'b1;
      else if (out_ready_i) valid_q <= 1'b0;
      if (in_fire) begin
        group_q <= last_group ? '0 : group_q + 1'b1;
        addr_q  <= last_col ? '0 : addr_q + 1'b1;
        if (last_group) begin
          px_q <= last_px ? '0 : px_q + 1'b1;
          if (!last_px) addr_q <= base_q;
          else base_q <= last_col ? '0 : addr_q + 1'b1;
          if (last_px && last_col) py_q <= last_py ? '0 : py_q + 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (in_fire) mem[addr_q] <= pooled;
    if (in_fire && ends) data_q <= pooled;
  end

  assign out_valid_o = valid_q;
  assign out_data_o = data_q;

`ifndef SYNTHESIS
  bnn_stream_check #(
      .Width(Pe)
  ) u_check_out (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid_o),
      .ready_i(out_ready_i),
      .data_i (out_data_o)
  );
`endif
endmodule
