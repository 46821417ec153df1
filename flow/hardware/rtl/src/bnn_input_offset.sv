// Role: subtracts a constant from every unsigned element: uint8 pixels to int8 for Offset = 128.
// Formula: y = x - Offset, or Offset - x with Negate; two's complement of OutBits.
// Latency: 1 cycle. Throughput: 1 beat of Lanes elements a cycle. in_ready_o leaves from a
//          register.
module bnn_input_offset #(
    parameter int unsigned Lanes   = 1,
    parameter int unsigned InBits  = 8,
    parameter int unsigned OutBits = 8,
    parameter int          Offset  = 128,
    parameter bit          Negate  = 1'b0
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
  localparam int Top = (1 << InBits) - 1;
  localparam int Low = Negate ? Offset - Top : -Offset;
  localparam int High = Negate ? Offset : Top - Offset;
  localparam int Limit = 1 << (OutBits - 1);

  if (Lanes < 1 || InBits < 1 || InBits > 16 || OutBits < 1 || OutBits > 30) begin : gen_illegal
    $error("bnn_input_offset: Lanes=%0d >= 1, InBits=%0d in 1..16, OutBits=%0d in 1..30", Lanes,
           InBits, OutBits);
  end
  if (Low < -Limit || High >= Limit) begin : gen_overflow
    $error("bnn_input_offset: values %0d..%0d do not fit OutBits=%0d signed", Low, High, OutBits);
  end

  logic [Lanes*OutBits-1:0] moved;

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic [OutBits-1:0] x;
    assign x = OutBits'(in_data_i[l*InBits+:InBits]);
    assign moved[l*OutBits+:OutBits] = Negate ? OutBits'(Offset) - x : x - OutBits'(Offset);
  end

  bnn_stream_reg #(
      .Width(Lanes * OutBits)
  ) u_out (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i(moved),
      .out_valid_o,
      .out_ready_i,
      .out_data_o
  );
endmodule
