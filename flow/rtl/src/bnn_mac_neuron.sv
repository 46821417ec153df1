// Role: one neuron of bnn_mvu for weights of 2 to 9 bits: multiply, add, accumulate, compare.
// Formula: InBits = 1: the term is the weight, negated where the activation bit is 0 (-1); a beat
//          with pad_i adds nothing. InBits > 1: the term is activation times weight.
//          Threshold: the accumulator starts at -T and its sign is the answer. Else it starts at 0
//          and is the answer, modulo 2^AccBits.
// Products of 4 to 8 bits are made of two rows of LUTs, wider ones are left to the tool, which has
// DSP slices; either way the product passes two registers.
// Latency: the sum of act_i, weight_i meets valid_i, begins_i and thresh_i after 1 + clog2(SIMD)
//          cycles (InBits > 1: one more), pad_i comes with act_i; result_o follows a cycle later.
module bnn_mac_neuron #(
    parameter int unsigned SIMD       = 4,
    parameter int unsigned InBits     = 8,
    parameter bit          InSigned   = 1'b0,
    parameter int unsigned WeightBits = 8,
    parameter bit          PadFlags   = 1'b0,
    parameter bit          Threshold  = 1'b1,
    parameter int unsigned AccBits    = 16,
    parameter int unsigned ThreshBits = 16,
    parameter int unsigned OutBits    = 1
) (
    input  logic                       clk_i,
    input  logic [    SIMD*InBits-1:0] act_i,
    input  logic [SIMD*WeightBits-1:0] weight_i,
    input  logic                       pad_i,
    input  logic                       valid_i,
    input  logic                       begins_i,
    input  logic [     ThreshBits-1:0] thresh_i,
    output logic [        OutBits-1:0] result_o
);
  localparam int unsigned TermBits = InBits + WeightBits;
  localparam int unsigned SumBits = TermBits + $clog2(SIMD);
  localparam int unsigned SpanBits = (Threshold && ThreshBits > AccBits) ? ThreshBits : AccBits;
  localparam int unsigned RegBits = Threshold ? SpanBits + 1 : SpanBits;

  logic [SIMD*TermBits-1:0] terms;
  logic [SumBits-1:0] sum;
  logic [RegBits-1:0] acc_q, base;
  logic [RegBits-1:0] next;
  logic unused_carry;

  for (genvar s = 0; s < SIMD; s++) begin : gen_term
    logic signed [WeightBits-1:0] w;
    assign w = $signed(weight_i[s*WeightBits+:WeightBits]);

    if (InBits == 1) begin : gen_sign
      logic signed [TermBits-1:0] wide, term_q;
      assign wide = TermBits'(w);
      always_ff @(posedge clk_i) begin
        if (PadFlags && pad_i) term_q <= '0;
        else term_q <= act_i[s] ? wide : -wide;
      end
      assign terms[s*TermBits+:TermBits] = term_q;
    end else begin : gen_product
      bnn_product #(
          .XBits  (InBits),
          .XSigned(InSigned),
          .WBits  (WeightBits)
      ) u_product (
          .clk_i,
          .x_i(act_i[s*InBits+:InBits]),
          .w_i(w),
          .y_o(terms[s*TermBits+:TermBits])
      );
    end
  end

  bnn_adder_tree #(
      .Terms   (SIMD),
      .TermBits(TermBits),
      .Signed  (1'b1)
  ) u_sum (
      .clk_i,
      .terms_i(terms),
      .sum_o  (sum)
  );

  logic [RegBits-1:0] addend;
  logic unused_high;
  assign unused_high = ^sum;
  assign addend = RegBits'($signed(sum));

  if (Threshold) begin : gen_fused
    assign base = begins_i ? ~(RegBits'($signed(thresh_i))) : acc_q;
    // -T = ~T + 1: the 1 is the carry into the first addition.
    assign {next, unused_carry} = {addend, begins_i} + {base, 1'b1};
    assign result_o = OutBits'(!acc_q[RegBits-1]);
  end else begin : gen_sum
    assign base = begins_i ? '0 : acc_q;
    assign {next, unused_carry} = {addend + base, 1'b0};
    assign result_o = OutBits'($signed(acc_q));
    logic unused_thresh;
    assign unused_thresh = ^thresh_i;
  end

  if (InBits > 1 || !PadFlags) begin : gen_no_pad
    logic unused_pad;
    assign unused_pad = pad_i;
  end

  always_ff @(posedge clk_i) if (valid_i) acc_q <= next;
endmodule
