// Role: the magnitude of every element.
// Formula: y = |x|, x signed of Bits, y of OutBits.
// Latency: 1 cycle. Throughput: 1 beat of Lanes elements a cycle.
module bnn_absolute #(
    parameter int unsigned Lanes   = 1,
    parameter int unsigned Bits    = 4,
    parameter int unsigned OutBits = 4
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     in_valid_i,
    output logic                     in_ready_o,
    input  logic [   Lanes*Bits-1:0] in_data_i,
    output logic                     out_valid_o,
    input  logic                     out_ready_i,
    output logic [Lanes*OutBits-1:0] out_data_o
);
  logic [Lanes*OutBits-1:0] magnitude;

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic [Bits-1:0] x, turned;
    assign x = in_data_i[l*Bits+:Bits];
    assign turned = -x;
    assign magnitude[l*OutBits+:OutBits] = OutBits'(x[Bits-1] ? turned : x);
  end

  bnn_stream_reg #(
      .Width(Lanes * OutBits)
  ) u_out (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i(magnitude),
      .out_valid_o,
      .out_ready_i,
      .out_data_o
  );
endmodule
