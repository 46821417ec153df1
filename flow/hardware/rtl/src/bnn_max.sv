// Role: the greater of two elements, unsigned or Signed.
// Latency: none. Depth: a comparison and a choice.
module bnn_max #(
    parameter int unsigned Bits   = 2,
    parameter bit          Signed = 1'b0
) (
    input  logic [Bits-1:0] a_i,
    input  logic [Bits-1:0] b_i,
    output logic [Bits-1:0] y_o
);
  logic [Bits-1:0] flip;
  assign flip = {Signed, {(Bits - 1) {1'b0}}};  // the sign turns the order of the upper half round
  assign y_o  = ((a_i ^ flip) >= (b_i ^ flip)) ? a_i : b_i;
endmodule
