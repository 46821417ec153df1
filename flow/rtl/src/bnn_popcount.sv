// Role: number of ones among Width bits, pipelined; or Width / 2 when half_i says so.
// How: lanes by threes into 2-bit counts (with the caller's XNOR in front that is 6 inputs, two
//      LUT6), six of those into two 3-bit counts (6:3 compressors, ones and twos apart), then a
//      balanced tree of adders for the ones and one for the twos.
// Latency: 2 + clog2(ceil(Width / 18)) cycles, half_i: 1. Throughput: a count a cycle; no stall.
// Depth: two LUTs before the first register, one adder between any two registers.
module bnn_popcount #(
    parameter int unsigned Width = 32,
    localparam int unsigned CountBits = $clog2(Width + 1)
) (
    input  logic                 clk_i,
    input  logic [    Width-1:0] bits_i,
    input  logic                 half_i,
    output logic [CountBits-1:0] count_o
);
  localparam int unsigned BlockLanes = 18;
  localparam int unsigned Blocks = (Width + BlockLanes - 1) / BlockLanes;
  localparam int unsigned TreeBits = 3 + $clog2(Blocks);

  function automatic logic [1:0] count3(input logic [2:0] lanes);
    count3 = {
      (lanes[0] & lanes[1]) | (lanes[0] & lanes[2]) | (lanes[1] & lanes[2]),
      lanes[0] ^ lanes[1] ^ lanes[2]
    };
  endfunction

  function automatic logic [2:0] count6(input logic [5:0] lanes);
    logic [1:0] low, high;
    low = count3(lanes[2:0]);
    high = count3(lanes[5:3]);
    count6 = {1'b0, low} + {1'b0, high};
  endfunction

  logic [Blocks*BlockLanes-1:0] lanes;
  logic [3*Blocks-1:0] ones_q, twos_q;
  logic [TreeBits-1:0] ones, twos;
  logic [CountBits-1:0] count_q;

  assign lanes = (Blocks * BlockLanes)'(bits_i);

  for (genvar b = 0; b < Blocks; b++) begin : gen_block
    logic [5:0] low, high;
    for (genvar g = 0; g < 6; g++) begin : gen_group
      assign {high[g], low[g]} = count3(lanes[b*BlockLanes+3*g+:3]);
    end
    always_ff @(posedge clk_i) begin
      ones_q[3*b+:3] <= count6(low);
      twos_q[3*b+:3] <= count6(high);
    end
  end

  bnn_adder_tree #(
      .Terms   (Blocks),
      .TermBits(3)
  ) u_ones (
      .clk_i,
      .terms_i(ones_q),
      .sum_o  (ones)
  );
  bnn_adder_tree #(
      .Terms   (Blocks),
      .TermBits(3)
  ) u_twos (
      .clk_i,
      .terms_i(twos_q),
      .sum_o  (twos)
  );

  // A constant on a condition: set and reset inputs of the register, no LUT.
  always_ff @(posedge clk_i) begin
    if (half_i) count_q <= CountBits'(Width / 2);
    else count_q <= CountBits'({2'b0, ones} + {1'b0, twos, 1'b0});
  end

  assign count_o = count_q;
endmodule
