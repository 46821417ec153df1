// Role: bnn_xnor_add in one LUT6 with two outputs. Verilator, which does not know the primitive,
//       gets the plain twin; a test has yosys prove that both are equal.
module bnn_xnor_add_xilinx (
    input  logic [1:0] act_i,
    input  logic [1:0] weight_i,
    input  logic       bit_i,
    output logic       sum_o,
    output logic       carry_o
);
`ifdef VERILATOR
  bnn_xnor_add u_twin (
      .act_i,
      .weight_i,
      .bit_i,
      .sum_o,
      .carry_o
  );
`else
  LUT6_2 #(
      .INIT(64'h9669_6996_f99f_9009)  // O6 the sum, O5 the carry, over I4 to I0
  ) u_lut (
      .I0(act_i[0]),
      .I1(weight_i[0]),
      .I2(act_i[1]),
      .I3(weight_i[1]),
      .I4(bit_i),
      .I5(1'b1),
      .O5(carry_o),
      .O6(sum_o)
  );
`endif
endmodule
