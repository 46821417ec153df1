// Role: looks every element up in a table of 2^InBits words (the first layer's quantiser).
// Latency: 2 cycles. Throughput: 1 beat of Lanes elements a cycle. in_ready_o leaves from a
//          register.
module bnn_input_table #(
    parameter int unsigned Lanes     = 1,
    parameter int unsigned InBits    = 8,
    parameter int unsigned OutBits   = 8,
    parameter              TableFile = ""
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     in_valid_i,
    output logic                     in_ready_o,
    input  logic [ Lanes*InBits-1:0] in_data_i,
    output logic                     out_valid_o,
    input  logic                     out_ready_i,
    output logic [Lanes*OutBits-1:0] out_data_o
);
  logic reg_valid, move, valid_q;
  logic [Lanes*InBits-1:0] reg_data;

  if (Lanes < 1 || InBits < 1 || OutBits < 1) begin : gen_illegal
    $error("bnn_input_table: Lanes=%0d, InBits=%0d, OutBits=%0d; all must be >= 1", Lanes, InBits,
           OutBits);
  end

  bnn_stream_reg #(
      .Width(Lanes * InBits)
  ) u_in (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .out_valid_o(reg_valid),
      .out_ready_i(move),
      .out_data_o (reg_data)
  );

  assign move = !valid_q || out_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (move) valid_q <= reg_valid;
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    bnn_rom #(
        .Width(OutBits),
        .Depth(1 << InBits),
        .File (TableFile)
    ) u_table (
        .clk_i,
        .en_i  (move),
        .addr_i(reg_data[l*InBits+:InBits]),
        .data_o(out_data_o[l*OutBits+:OutBits])
    );
  end

  assign out_valid_o = valid_q;

`ifndef SYNTHESIS
  bnn_stream_check #(
      .Width(Lanes * OutBits)
  ) u_check_out (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid_o),
      .ready_i(out_ready_i),
      .data_i (out_data_o)
  );
`endif
endmodule
