// Role: the labels of the TopK greatest of NumLabels signed scores, best first (the least
//       significant); the lowest index wins a tie. Internal to bnn_label_select.
// How: a chain of places. Every place keeps the better of its label and the one that comes, and
//      hands the other on; what was driven from a place is better than all behind it.
// Latency: TopK + 1 cycles after the last score. Throughput: 1 score a cycle. in_ready_o depends on
//          out_ready_i.
module bnn_label_rank #(
    parameter int unsigned NumLabels = 10,
    parameter int unsigned InBits    = 8,
    parameter int unsigned TopK      = 5,
    parameter int unsigned OutBits   = 4
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    in_valid_i,
    output logic                    in_ready_o,
    input  logic [      InBits-1:0] in_data_i,
    output logic                    out_valid_o,
    input  logic                    out_ready_i,
    output logic [TopK*OutBits-1:0] out_data_o
);
  logic move, valid_q, first_q, last_q;
  logic [OutBits-1:0] index_q;

  // All of it moves as one unless a result waits at the output.
  assign move = !valid_q || out_ready_i;
  assign in_ready_o = move;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      index_q <= '0;
      first_q <= 1'b1;
      last_q  <= NumLabels == 1;
    end else if (move && in_valid_i) begin
      index_q <= (last_q ? '0 : index_q) + OutBits'(!last_q);
      first_q <= last_q;
      last_q  <= NumLabels == 1 || index_q == OutBits'(NumLabels - 2);
    end
  end

  for (genvar k = 0; k < TopK; k++) begin : gen_place
    // What comes to place k: a step of the vector, and with it a label or none.
    logic step, first, last, some, driven;
    logic [InBits-1:0] score;
    logic [OutBits-1:0] label;

    if (k == 0) begin : gen_source
      assign step = in_valid_i;
      assign first = first_q;
      assign last = last_q;
      assign some = 1'b1;
      assign driven = 1'b0;
      assign score = in_data_i;
      assign label = index_q;
    end else begin : gen_pass
      logic step_q, pass_first_q, pass_last_q, some_q, driven_q;
      logic [InBits-1:0] score_q;
      logic [OutBits-1:0] label_q;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) step_q <= 1'b0;
        else if (move) step_q <= gen_place[k-1].step;
        if (move) begin
          pass_first_q <= gen_place[k-1].first;
          pass_last_q <= gen_place[k-1].last;
          some_q <= !gen_place[k-1].first
              && (gen_place[k-1].takes ? gen_place[k-1].full_q : gen_place[k-1].some);
          driven_q <= gen_place[k-1].takes;
          score_q <= gen_place[k-1].takes ? gen_place[k-1].best_q
              : gen_place[k-1].score;
          label_q <= gen_place[k-1].takes ? gen_place[k-1].best_label_q
              : gen_place[k-1].label;
        end
      end
      assign step = step_q;
      assign first = pass_first_q;
      assign last = pass_last_q;
      assign some = some_q;
      assign driven = driven_q;
      assign score = score_q;
      assign label = label_q;
    end

    logic full_q, takes, greater;
    logic [InBits-1:0] best_q;
    logic [OutBits-1:0] best_label_q, result_q;

    bnn_greater #(
        .Bits(InBits)
    ) u_greater (
        .a_i(score),
        .b_i(best_q),
        .greater_o(greater)
    );
    assign takes = some && (first || !full_q || driven || greater);

    always_ff @(posedge clk_i) begin
      if (move && step) begin
        full_q <= some || (full_q && !first);
        if (takes) begin
          best_q <= score;
          best_label_q <= label;
        end
        if (last) result_q <= takes ? label : best_label_q;
      end
    end
    assign out_data_o[k*OutBits+:OutBits] = result_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (move) valid_q <= gen_place[TopK-1].step && gen_place[TopK-1].last;
  end
  assign out_valid_o = valid_q;
endmodule
