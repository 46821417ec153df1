// Role: how many of Width activations equal their weights, pipelined; or Width / 2 where half_i
//       says so.
// How: chains of three bnn_xnor_add turn six lanes into one bit of weight 1 and three of weight 2;
//      two bnn_bit_count add up the ones and the twos, and one adder joins them. The last two,
//      where the twos fill their blocks, is that adder's carry in.
// Latency: 3 + clog2(ceil(Width / 16)) cycles, half_i: 1. Throughput: a count a cycle; no stall.
// Simulation (Verilator) counts at once and delays the result, which is much faster; a test has
// yosys prove that both texts do the same, and another simulates this structure (BNN_STRUCTURE).
module bnn_popcount #(
    parameter int unsigned  Width     = 32,
    localparam int unsigned CountBits = $clog2(Width + 1)
) (
    input  logic                 clk_i,
    input  logic [    Width-1:0] act_i,
    input  logic [    Width-1:0] weight_i,
    input  logic                 half_i,
    output logic [CountBits-1:0] count_o
);
  localparam int unsigned Chains = (Width + 5) / 6;
  localparam int unsigned Rest = Width % 6;  // lanes of a last, shorter chain
  localparam int unsigned Twos = 3 * (Width / 6) + ((Rest == 1) ? 0 : (Rest + 1) / 2);
  localparam int unsigned Spare = (Twos > 0 && Twos % 8 == 0) ? 1 : 0;
  localparam int unsigned Levels = (Width > 16) ? $clog2((Width + 15) / 16) : 0;

  if (Width < 1) begin : gen_illegal
    $error("bnn_popcount: Width=%0d must be >= 1", Width);
  end

`ifdef VERILATOR
`ifndef BNN_STRUCTURE
`define BNN_COUNT_AT_ONCE
`endif
`endif

`ifdef BNN_COUNT_AT_ONCE
  localparam int unsigned Latency = 3 + Levels;
  logic [CountBits-1:0] count_q[Latency];
  logic unused_chains;

  assign unused_chains = &{1'b0, Chains == Twos + Spare};

  always_ff @(posedge clk_i) begin
    count_q[0] <= CountBits'($countones(act_i ~^ weight_i));
    for (int unsigned d = 1; d < Latency - 1; d++) count_q[d] <= count_q[d-1];
    count_q[Latency-1] <= half_i ? CountBits'(Width / 2) : count_q[Latency-2];
  end
  assign count_o = count_q[Latency-1];
`else
  localparam int unsigned OnesBits = $clog2(Chains + 1);
  localparam int unsigned HalfBits = (CountBits > 1) ? CountBits - 1 : 1;

  logic [Chains-1:0] ones_q;
  logic [OnesBits-1:0] ones;
  logic [HalfBits-1:0] twos;
  logic [CountBits-1:0] joined, count_q;

  if (Twos == 0) begin : gen_one_lane
    assign twos = '0;
    assign joined = CountBits'(ones);
    logic unused_twos;
    assign unused_twos = ^twos;
  end else begin : gen_twos
    localparam int unsigned TreeTwos = Twos - Spare;
    localparam int unsigned TwosBits = $clog2(TreeTwos + 1);
    logic [Twos-1:0] twos_q;
    logic [TwosBits-1:0] tree;

    bnn_bit_count #(
        .Bits  (TreeTwos),
        .Levels(Levels)
    ) u_twos (
        .clk_i,
        .bits_i (twos_q[TreeTwos-1:0]),
        .count_o(tree)
    );
    assign twos = HalfBits'(tree);
    logic unused_top;  // an odd lane's two never comes
    assign unused_top = ^tree;

    if (Spare == 1) begin : gen_spare
      logic [Levels:0] late_q;
      logic unused_low;
      if (Levels == 0) begin : gen_now
        always_ff @(posedge clk_i) late_q <= twos_q[Twos-1];
      end else begin : gen_later
        always_ff @(posedge clk_i) late_q <= {late_q[Levels-1:0], twos_q[Twos-1]};
      end
      // Above the lowest bit: half the ones, the twos, and the last two as carry in.
      assign joined[0] = ones[0];
      assign {joined[CountBits-1:1], unused_low} = {HalfBits'(ones >> 1), late_q[Levels]}
          + {twos, late_q[Levels]};
    end else begin : gen_no_spare
      assign joined = CountBits'(ones) + CountBits'({twos, 1'b0});
    end
  end

  for (genvar c = 0; c < Chains; c++) begin : gen_chain
    localparam int unsigned Lanes = (Width - 6 * c < 6) ? Width - 6 * c : 6;
    localparam int unsigned Cells = (Lanes + 1) / 2;
    logic [Cells:0] sum;

    if (Lanes == 1) begin : gen_single
      assign sum = {act_i[6*c] ~^ weight_i[6*c], 1'b0};
    end else begin : gen_cells
      assign sum[0] = 1'b0;
      for (genvar k = 0; k < Cells; k++) begin : gen_cell
        logic [1:0] act, weight;
        logic carry;
        if (2 * k + 1 < Lanes) begin : gen_two
          assign act = act_i[6*c+2*k+:2];
          assign weight = weight_i[6*c+2*k+:2];
        end else begin : gen_half
          assign act = {1'b0, act_i[6*c+2*k]};
          assign weight = {1'b1, weight_i[6*c+2*k]};
        end
        bnn_xnor_add_xilinx u_add (
            .act_i   (act),
            .weight_i(weight),
            .bit_i   (sum[k]),
            .sum_o   (sum[k+1]),
            .carry_o (carry)
        );
        always_ff @(posedge clk_i) gen_twos.twos_q[3*c+k] <= carry;
      end
    end
    always_ff @(posedge clk_i) ones_q[c] <= sum[Cells];
  end

  bnn_bit_count #(
      .Bits  (Chains),
      .Levels(Levels)
  ) u_ones (
      .clk_i,
      .bits_i (ones_q),
      .count_o(ones)
  );

  // A constant on a condition: set and reset inputs of the register, no LUT.
  always_ff @(posedge clk_i) begin
    if (half_i) count_q <= CountBits'(Width / 2);
    else count_q <= joined;
  end
  assign count_o = count_q;
`endif
endmodule
