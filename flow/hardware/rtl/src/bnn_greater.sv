// Role: whether one signed number is greater than another; combinational.
// How: numbers of more than 16 bits in two parts side by side, so that the carry stays short.
module bnn_greater #(
    parameter int unsigned Bits = 8
) (
    input  logic [Bits-1:0] a_i,
    input  logic [Bits-1:0] b_i,
    output logic            greater_o
);
  if (Bits <= 16) begin : gen_whole
    assign greater_o = $signed(a_i) > $signed(b_i);
  end else begin : gen_parts
    localparam int unsigned Low = (Bits > 24) ? 16 : Bits / 2;  // halves of 13 to 15 bits map badly
    logic high_greater, high_equal, low_greater;
    assign high_greater = $signed(a_i[Bits-1:Low]) > $signed(b_i[Bits-1:Low]);
    assign high_equal = a_i[Bits-1:Low] == b_i[Bits-1:Low];
    assign low_greater = a_i[Low-1:0] > b_i[Low-1:0];
    assign greater_o = high_greater || (high_equal && low_greater);
  end
endmodule
