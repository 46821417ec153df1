// Role: full adder of two XNOR lanes and one more bit: the first layer of bnn_popcount.
// Formula: 2 carry_o + sum_o = XNOR(act_i[0], weight_i[0]) + XNOR(act_i[1], weight_i[1]) + bit_i.
// Latency: none, combinational. Twin of bnn_xnor_add_xilinx.
module bnn_xnor_add (
    input  logic [1:0] act_i,
    input  logic [1:0] weight_i,
    input  logic       bit_i,
    output logic       sum_o,
    output logic       carry_o
);
  logic [1:0] same;

  assign same = act_i ~^ weight_i;
  assign sum_o = same[0] ^ same[1] ^ bit_i;
  assign carry_o = (same[0] & same[1]) | (same[0] & bit_i) | (same[1] & bit_i);
endmodule
