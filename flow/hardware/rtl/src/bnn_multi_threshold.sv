// Role: one accumulator to its code: how many of the channel's ascending thresholds it reaches.
// Formula: code_o = CodeLow + #(acc_i >= T_k), k = 0 .. Steps-1, modulo 2^CodeBits (a negative
//          CodeLow is given in two's complement); acc_i and T are signed. T_0 is the least
//          significant of thresh_i.
// How: all are compared at once; the answers are sorted, as the thresholds are, so a binary search
//      among them, two of its steps a cycle, gives the count.
// Latency: 1 + ceil(clog2(Steps + 1) / 2) cycles. Throughput: one a cycle; no stall, no reset.
module bnn_multi_threshold #(
    parameter int unsigned Steps      = 3,
    parameter int unsigned AccBits    = 8,
    parameter int unsigned ThreshBits = 8,
    parameter int unsigned CodeBits   = 2,
    parameter int unsigned CodeLow    = 0
) (
    input  logic                        clk_i,
    input  logic [         AccBits-1:0] acc_i,
    input  logic [Steps*ThreshBits-1:0] thresh_i,
    output logic [        CodeBits-1:0] code_o
);
  localparam int unsigned SpanBits = (ThreshBits > AccBits) ? ThreshBits : AccBits;
  localparam int unsigned Depth = $clog2(Steps + 1);  // of the search
  localparam int unsigned All = (1 << Depth) - 1;  // answers, with some that are never reached

  logic [All-1:0] reached_q;

  for (genvar k = 0; k < All; k++) begin : gen_compare
    if (k < Steps) begin : gen_step
      logic signed [SpanBits-1:0] limit;
      assign limit = SpanBits'($signed(thresh_i[k*ThreshBits+:ThreshBits]));
      always_ff @(posedge clk_i) reached_q[k] <= SpanBits'($signed(acc_i)) >= limit;
    end else begin : gen_never
      assign reached_q[k] = 1'b0;
    end
  end

  // Level l has 2^(Depth-l) - 1 answers left and l bits of the count, the highest first.
  for (genvar l = 0; l <= Depth; l++) begin : gen_level
    localparam int unsigned Left = (1 << (Depth - l)) - 1;
    localparam int unsigned Wide = (Left > 0) ? Left : 1;
    logic [    Wide-1:0] left;
    logic [CodeBits-1:0] count;

    if (l == 0) begin : gen_first
      assign left  = reached_q;
      assign count = '0;
    end else begin : gen_half
      localparam int unsigned Middle = Left;  // of the level before: 2 Left + 1 answers
      logic upper;
      logic [Wide-1:0] half;
      logic [CodeBits-1:0] grown;
      assign upper = gen_level[l-1].left[Middle];
      assign grown = gen_level[l-1].count | (CodeBits'(upper) << (Depth - l));
      if (Left > 0) begin : gen_some
        assign half = upper ? gen_level[l-1].left[Middle+1+:Wide] : gen_level[l-1].left[0+:Wide];
      end else begin : gen_none
        assign half = '0;
      end
      if (l % 2 == 0 || l == Depth) begin : gen_register
        logic [    Wide-1:0] left_q;
        logic [CodeBits-1:0] count_q;
        always_ff @(posedge clk_i) begin
          left_q  <= half;
          count_q <= (l == Depth) ? grown + CodeBits'(CodeLow) : grown;
        end
        assign left  = left_q;
        assign count = count_q;
      end else begin : gen_through
        assign left  = half;
        assign count = grown;
      end
    end
  end

  assign code_o = gen_level[Depth].count;
  logic unused_left;
  assign unused_left = ^gen_level[Depth].left;

  if (Steps < 1 || CodeBits < Depth) begin : gen_illegal
    $error("bnn_multi_threshold: %0d steps need %0d bits, CodeBits=%0d", Steps, Depth, CodeBits);
  end
endmodule
