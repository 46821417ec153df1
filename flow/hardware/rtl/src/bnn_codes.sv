// Role: turns the accumulators of all pixels and neurons of bnn_mvu into codes; without several
//       thresholds (Steps < 2) what leaves the neurons stays as it is.
// Latency: Latency cycles, that of bnn_multi_threshold; the thresholds, one set for all pixels,
//          come with the accumulators. No stall.
module bnn_codes #(
    parameter int unsigned Pixels     = 1,
    parameter int unsigned PE         = 2,
    parameter int unsigned Steps      = 3,
    parameter int unsigned AccBits    = 8,
    parameter int unsigned ThreshBits = 8,
    parameter int unsigned CodeBits   = 2,
    parameter int unsigned CodeLow    = 0,
    parameter int unsigned Latency    = 2,
    localparam int unsigned Limits    = (Steps > 1) ? Steps : 1
) (
    input  logic                           clk_i,
    input  logic                           rst_ni,
    input  logic                           valid_i,
    input  logic [  Pixels*PE*AccBits-1:0] acc_i,
    input  logic [PE*Limits*ThreshBits-1:0] thresh_i,
    output logic                           valid_o,
    output logic [ Pixels*PE*CodeBits-1:0] code_o
);
  if (Steps > 1) begin : gen_codes
    logic [Latency-1:0] coming_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) coming_q <= '0;
      else coming_q <= Latency'({coming_q, valid_i});
    end
    assign valid_o = coming_q[Latency-1];

    for (genvar m = 0; m < Pixels; m++) begin : gen_pixel
      for (genvar p = 0; p < PE; p++) begin : gen_pe
        bnn_multi_threshold #(
            .Steps     (Steps),
            .AccBits   (AccBits),
            .ThreshBits(ThreshBits),
            .CodeBits  (CodeBits),
            .CodeLow   (CodeLow)
        ) u_code (
            .clk_i,
            .acc_i   (acc_i[(m*PE+p)*AccBits+:AccBits]),
            .thresh_i(thresh_i[p*Steps*ThreshBits+:Steps*ThreshBits]),
            .code_o  (code_o[(m*PE+p)*CodeBits+:CodeBits])
        );
      end
    end
  end else begin : gen_as_is
    logic unused_thresh;
    assign unused_thresh = ^{clk_i, rst_ni, thresh_i};
    assign valid_o = valid_i;
    assign code_o = acc_i;
  end
endmodule
