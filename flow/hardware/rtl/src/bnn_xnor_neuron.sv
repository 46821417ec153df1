// Role: one neuron of bnn_mvu for 1-bit activations: XNOR, popcount, accumulate, compare.
// Formula: the accumulator starts at -T, adds the count of every beat, and its sign is the answer:
//          no comparator. Without thresholds it starts so that it ends at the dot product.
// Scale 1 counts lanes; Scale 2 (padding flags, odd SIMD) counts half lanes, so that a flagged
// beat, half of its lanes, is a whole number.
// Latency: the count of act_i, weight_i meets valid_i, begins_i and thresh_i after
//          3 + clog2(ceil(SIMD / 16)) cycles, pad_i one earlier; result_o follows a cycle later.
module bnn_xnor_neuron #(
    parameter int unsigned MW         = 8,
    parameter int unsigned SIMD       = 4,
    parameter bit          PadFlags   = 1'b0,
    parameter bit          Threshold  = 1'b1,
    parameter int unsigned ThreshBits = 4,
    parameter int unsigned OutBits    = 1
) (
    input  logic                  clk_i,
    input  logic [      SIMD-1:0] act_i,
    input  logic [      SIMD-1:0] weight_i,
    input  logic                  pad_i,
    input  logic                  valid_i,
    input  logic                  begins_i,
    input  logic [ThreshBits-1:0] thresh_i,
    output logic [   OutBits-1:0] result_o
);
  localparam int unsigned Scale = (PadFlags && SIMD % 2 == 1) ? 2 : 1;
  localparam int unsigned CountBits = $clog2(SIMD + 1);
  localparam int unsigned SumBits = CountBits + Scale - 1;
  // Wide enough for P in 0..Scale*MW minus any T, with a sign.
  localparam int unsigned ReachBits = $clog2(Scale * MW + 1);
  localparam int unsigned SpanBits = (Threshold && ThreshBits > ReachBits) ? ThreshBits : ReachBits;
  localparam int unsigned AccBits = SpanBits + 1;

  // Without thresholds, Scale 1: 2P - MW = 2 (P - ceil(MW/2)) + (MW odd).
  localparam logic [AccBits-1:0] Start = -(AccBits'((Scale == 2) ? MW : (MW + 1) / 2));

  logic [CountBits-1:0] count;
  logic [SumBits-1:0] sum;
  logic [AccBits-1:0] acc_q, base;
  logic [AccBits-1:0] next;
  logic unused_carry;

  bnn_popcount #(
      .Width(SIMD)
  ) u_count (
      .clk_i,
      .act_i,
      .weight_i,
      .half_i (PadFlags & pad_i),
      .count_o(count)
  );

  if (Scale == 2) begin : gen_half_lanes
    logic odd_q;
    always_ff @(posedge clk_i) odd_q <= pad_i;
    assign sum = {count, odd_q};
  end else begin : gen_lanes
    assign sum = count;
  end

  if (Threshold) begin : gen_fused
    assign base = begins_i ? ~(AccBits'(thresh_i)) : acc_q;
    // -T = ~T + 1: the 1 is the carry into the first addition.
    assign {next, unused_carry} = {AccBits'(sum), begins_i} + {base, begins_i};
    assign result_o = OutBits'(!acc_q[AccBits-1]);
  end else begin : gen_dot
    assign base = begins_i ? Start : acc_q;
    assign {next, unused_carry} = {AccBits'(sum) + base, 1'b0};
    if (Scale == 2) begin : gen_as_is
      assign result_o = OutBits'($signed(acc_q));
    end else begin : gen_doubled
      assign result_o = OutBits'($signed({acc_q, 1'(MW % 2)}));
    end
    logic unused_thresh;
    assign unused_thresh = ^thresh_i;
  end

  always_ff @(posedge clk_i) if (valid_i) acc_q <= next;
endmodule
