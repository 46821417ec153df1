// Role: sum of a neuron's inputs times its weights of 2 to 9 bits.
// Formula: InBits = 1: the term is the weight, negated where the activation bit is 0 (-1); a beat
//          with pad_i adds nothing. InBits > 1: the term is activation times weight.
// Products of 4 to 8 bits are made of two rows of LUTs, wider ones are left to the tool, which has
// DSP slices; either way the product passes two registers.
// Latency: 1 + clog2(SIMD) cycles, InBits > 1 one more; pad_i comes with act_i.
module bnn_weighted_sum #(
    parameter int unsigned  SIMD       = 4,
    parameter int unsigned  InBits     = 8,
    parameter bit           InSigned   = 1'b0,
    parameter int unsigned  WeightBits = 8,
    parameter bit           PadFlags   = 1'b0,
    localparam int unsigned TermBits   = InBits + WeightBits,
    localparam int unsigned SumBits    = TermBits + $clog2(SIMD)
) (
    input  logic                       clk_i,
    input  logic [    SIMD*InBits-1:0] act_i,
    input  logic [SIMD*WeightBits-1:0] weight_i,
    input  logic                       pad_i,
    output logic [        SumBits-1:0] sum_o
);
  logic [SIMD*TermBits-1:0] terms;

  for (genvar s = 0; s < SIMD; s++) begin : gen_term
    logic signed [WeightBits-1:0] w;
    assign w = $signed(weight_i[s*WeightBits+:WeightBits]);

    if (InBits == 1) begin : gen_sign
      logic [TermBits-1:0] wide, term, term_q;
      logic unused_borrow;
      assign wide = TermBits'(w);
      // 0 - wide, or 0 - ~wide - 1: one LUT a bit.
      assign {term, unused_borrow} = '0 - {wide ^ {TermBits{act_i[s]}}, act_i[s]};
      always_ff @(posedge clk_i) begin
        if (PadFlags && pad_i) term_q <= '0;
        else term_q <= term;
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
      .sum_o
  );

  if (InBits > 1 || !PadFlags) begin : gen_no_pad
    logic unused_pad;
    assign unused_pad = pad_i;
  end
endmodule
