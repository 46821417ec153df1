// Role: one neuron of bnn_mvu for activations of 2 to 8 bits: +-x, add, accumulate, compare.
// Formula: the accumulator starts at -T, adds every beat's sum, and its sign is the answer; without
//          thresholds it starts at 0 and is the answer, modulo 2^AccBits.
// Latency: the sum of act_i, weight_i meets valid_i, begins_i and thresh_i after 1 + clog2(SIMD)
//          cycles; result_o follows a cycle later.
module bnn_addsub_neuron #(
    parameter int unsigned SIMD       = 4,
    parameter int unsigned InBits     = 8,
    parameter bit          InSigned   = 1'b0,
    parameter bit          Threshold  = 1'b1,
    parameter int unsigned AccBits    = 16,
    parameter int unsigned ThreshBits = 16,
    parameter int unsigned OutBits    = 1
) (
    input  logic                   clk_i,
    input  logic [SIMD*InBits-1:0] act_i,
    input  logic [       SIMD-1:0] weight_i,
    input  logic                   valid_i,
    input  logic                   begins_i,
    input  logic [ ThreshBits-1:0] thresh_i,
    output logic [    OutBits-1:0] result_o
);
  localparam int unsigned TermBits = InBits + 1;
  localparam int unsigned SumBits = TermBits + $clog2(SIMD);
  localparam int unsigned SpanBits = (Threshold && ThreshBits > AccBits) ? ThreshBits : AccBits;
  localparam int unsigned RegBits = Threshold ? SpanBits + 1 : SpanBits;

  logic [SIMD*TermBits-1:0] terms_q;
  logic [SumBits-1:0] sum;
  logic [RegBits-1:0] acc_q, base;
  logic [RegBits-1:0] next;
  logic unused_carry;

  for (genvar s = 0; s < SIMD; s++) begin : gen_term
    logic [InBits-1:0] x;
    logic [TermBits-1:0] wide;
    assign x = act_i[s*InBits+:InBits];
    assign wide = {InSigned & x[InBits-1], x};
    always_ff @(posedge clk_i) terms_q[s*TermBits+:TermBits] <= weight_i[s] ? wide : -wide;
  end

  bnn_adder_tree #(
      .Terms   (SIMD),
      .TermBits(TermBits),
      .Signed  (1'b1)
  ) u_sum (
      .clk_i,
      .terms_i(terms_q),
      .sum_o  (sum)
  );

  logic [RegBits-1:0] addend;
  logic unused_high;
  assign unused_high = ^sum;
  assign addend = RegBits'($signed(sum));

  if (Threshold) begin : gen_fused
    assign base = begins_i ? ~(RegBits'($signed(thresh_i))) : acc_q;
    // -T = ~T + 1: the 1 is the carry into the first addition.
    assign {next, unused_carry} = {addend, begins_i} + {base, begins_i};
    assign result_o = OutBits'(!acc_q[RegBits-1]);
  end else begin : gen_sum
    assign base = begins_i ? '0 : acc_q;
    assign {next, unused_carry} = {addend + base, 1'b0};
    assign result_o = OutBits'($signed(acc_q));
    logic unused_thresh;
    assign unused_thresh = ^thresh_i;
  end

  always_ff @(posedge clk_i) if (valid_i) acc_q <= next;
endmodule
