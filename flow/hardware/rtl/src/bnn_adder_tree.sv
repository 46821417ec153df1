// Role: sum of Terms numbers, as a balanced tree with a register after every level.
// Formula: sum_o = sum of terms_i; SumBits = TermBits + clog2(Terms). Term 0 least significant.
// Latency: clog2(Terms) cycles (0 for one term). Throughput: one sum a cycle; no stall, no reset.
module bnn_adder_tree #(
    parameter int unsigned Terms    = 4,
    parameter int unsigned TermBits = 3,
    parameter bit          Signed   = 1'b0,
    localparam int unsigned SumBits = TermBits + $clog2(Terms)
) (
    input  logic                      clk_i,
    input  logic [Terms*TermBits-1:0] terms_i,
    output logic [       SumBits-1:0] sum_o
);
  localparam int unsigned Levels = $clog2(Terms);

  for (genvar l = 0; l <= Levels; l++) begin : gen_level
    localparam int unsigned Count = (Terms + (1 << l) - 1) >> l;
    localparam int unsigned Bits = TermBits + l;
    logic [Count*Bits-1:0] sums;

    if (l == 0) begin : gen_terms
      assign sums = terms_i;
    end else begin : gen_adders
      localparam int unsigned Before = (Terms + (1 << (l - 1)) - 1) >> (l - 1);
      logic [Count*Bits-1:0] sums_q;
      for (genvar n = 0; n < Count; n++) begin : gen_node
        logic [Bits-2:0] left, right;
        assign left = gen_level[l-1].sums[2*n*(Bits-1)+:Bits-1];
        if (2 * n + 1 < Before) begin : gen_pair
          assign right = gen_level[l-1].sums[(2*n+1)*(Bits-1)+:Bits-1];
        end else begin : gen_odd
          assign right = '0;
        end
        always_ff @(posedge clk_i) begin
          sums_q[n*Bits+:Bits] <= {Signed & left[Bits-2], left} + {Signed & right[Bits-2], right};
        end
      end
      assign sums = sums_q;
    end
  end

  if (Levels == 0) begin : gen_no_register
    logic unused_clk;
    assign unused_clk = clk_i;
  end

  assign sum_o = gen_level[Levels].sums;
endmodule
