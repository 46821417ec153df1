// Role: one neuron of bnn_mvu, of the kind that its inputs and weights ask for: XNOR and popcount
//       (1 bit by 1 bit), add or subtract (1-bit weights), multiply and add (wider weights).
// Latency: of the kind; bnn_mvu knows it. pad_i comes with act_i, but for XNOR and popcount one
//          cycle before the sum.
module bnn_neuron #(
    parameter int unsigned MW         = 8,
    parameter int unsigned SIMD       = 4,
    parameter int unsigned InBits     = 1,
    parameter bit          InSigned   = 1'b0,
    parameter int unsigned WeightBits = 1,
    parameter bit          PadFlags   = 1'b0,
    parameter bit          Threshold  = 1'b1,
    parameter int unsigned AccBits    = 8,
    parameter int unsigned ThreshBits = 8,
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
  if (InBits == 1 && WeightBits == 1) begin : gen_xnor
    bnn_xnor_neuron #(
        .MW        (MW),
        .SIMD      (SIMD),
        .PadFlags  (PadFlags),
        .Threshold (Threshold),
        .ThreshBits(ThreshBits),
        .OutBits   (OutBits)
    ) u_neuron (
        .clk_i,
        .act_i,
        .weight_i,
        .pad_i,
        .valid_i,
        .begins_i,
        .thresh_i,
        .result_o
    );
  end else begin : gen_wide
    localparam int unsigned Peak = InSigned ? 1 << (InBits - 1) : (1 << InBits) - 1;
    localparam int unsigned PartBits = 1 + $clog2(((SIMD < 3) ? SIMD : 3) * Peak + 1);
    localparam int unsigned SumBits = (WeightBits > 1) ? InBits + WeightBits + $clog2(SIMD)
        : PartBits + $clog2((SIMD + 2) / 3);

    logic [SumBits-1:0] sum;

    if (WeightBits > 1) begin : gen_multiply
      bnn_weighted_sum #(
          .SIMD      (SIMD),
          .InBits    (InBits),
          .InSigned  (InSigned),
          .WeightBits(WeightBits),
          .PadFlags  (PadFlags)
      ) u_sum (
          .clk_i,
          .act_i,
          .weight_i,
          .pad_i,
          .sum_o(sum)
      );
    end else begin : gen_add
      bnn_signed_sum #(
          .Terms (SIMD),
          .InBits(InBits),
          .Signed(InSigned)
      ) u_sum (
          .clk_i,
          .act_i,
          .weight_i,
          .sum_o(sum)
      );
      logic unused_pad;
      assign unused_pad = pad_i;
    end

    bnn_accumulator #(
        .SumBits   (SumBits),
        .Threshold (Threshold),
        .AccBits   (AccBits),
        .ThreshBits(ThreshBits),
        .OutBits   (OutBits)
    ) u_accumulator (
        .clk_i,
        .sum_i(sum),
        .valid_i,
        .begins_i,
        .thresh_i,
        .result_o
    );
  end
endmodule
