// Role: index of the greatest of NumLabels signed scores; the lowest index wins a tie. Internal to
//       bnn_label_select.
// How: a tournament of neighbours with a register after every round, then the best so far.
// Latency: 2 + clog2(Lanes) cycles after the last beat. Throughput: 1 beat a cycle in. in_ready_o
//          depends on out_ready_i.
module bnn_label_best #(
    parameter int unsigned NumLabels = 10,
    parameter int unsigned InBits    = 8,
    parameter int unsigned Lanes     = 1,
    parameter int unsigned OutBits   = 4
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    in_valid_i,
    output logic                    in_ready_o,
    input  logic [Lanes*InBits-1:0] in_data_i,
    output logic                    out_valid_o,
    input  logic                    out_ready_i,
    output logic [     OutBits-1:0] out_data_o
);
  localparam int unsigned Beats = NumLabels / Lanes;
  localparam int unsigned Rounds = $clog2(Lanes);
  localparam int unsigned BeatBits = $clog2(Beats + 1);
  localparam int unsigned PairBits = InBits + OutBits;  // {label within the beat, score}

  logic move, valid_q;

  // The pipeline moves as a whole unless its last register holds a label that nobody takes.
  assign move = !valid_q || out_ready_i;
  assign in_ready_o = move;

  for (genvar r = 0; r <= Rounds; r++) begin : gen_round
    localparam int unsigned Count = (Lanes + (1 << r) - 1) >> r;
    logic [Count*PairBits-1:0] pairs;
    logic valid;

    if (r == 0) begin : gen_scores
      for (genvar n = 0; n < Count; n++) begin : gen_label
        assign pairs[n*PairBits+:PairBits] = {OutBits'(n), in_data_i[n*InBits+:InBits]};
      end
      assign valid = in_valid_i;
    end else begin : gen_match
      localparam int unsigned Before = (Lanes + (1 << (r - 1)) - 1) >> (r - 1);
      logic [Count*PairBits-1:0] pairs_q;
      logic round_valid_q;

      always_ff @(posedge clk_i) begin
        if (!rst_ni) round_valid_q <= 1'b0;
        else if (move) round_valid_q <= gen_round[r-1].valid;
      end
      for (genvar n = 0; n < Count; n++) begin : gen_node
        logic [PairBits-1:0] low, high;
        assign low = gen_round[r-1].pairs[2*n*PairBits+:PairBits];
        if (2 * n + 1 < Before) begin : gen_pair
          assign high = gen_round[r-1].pairs[(2*n+1)*PairBits+:PairBits];
        end else begin : gen_bye
          assign high = low;
        end
        logic greater;
        bnn_greater #(
            .Bits(InBits)
        ) u_greater (
            .a_i(high[InBits-1:0]),
            .b_i(low[InBits-1:0]),
            .greater_o(greater)
        );
        always_ff @(posedge clk_i) begin
          if (move) pairs_q[n*PairBits+:PairBits] <= greater ? high : low;
        end
      end
      assign pairs = pairs_q;
      assign valid = round_valid_q;
    end
  end

  logic [PairBits-1:0] winner;
  logic [InBits-1:0] best_q;
  logic [OutBits-1:0] label_q, first_q, label;
  logic [BeatBits-1:0] beat_q;
  logic winner_valid, first_beat_q, last_beat_q, greater, better;

  assign winner = gen_round[Rounds].pairs;
  assign winner_valid = gen_round[Rounds].valid;
  bnn_greater #(
      .Bits(InBits)
  ) u_greater (
      .a_i(winner[InBits-1:0]),
      .b_i(best_q),
      .greater_o(greater)
  );
  assign better = first_beat_q || greater;
  assign label = first_q + winner[PairBits-1:InBits];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q <= '0;
      first_beat_q <= 1'b1;
      last_beat_q <= Beats == 1;
      first_q <= '0;
      valid_q <= 1'b0;
    end else if (move) begin
      valid_q <= winner_valid && last_beat_q;
      if (winner_valid) begin
        beat_q <= (last_beat_q ? '0 : beat_q) + BeatBits'(!last_beat_q);
        first_beat_q <= last_beat_q;
        last_beat_q <= Beats == 1 || beat_q == BeatBits'(Beats - 2);
        first_q <= last_beat_q ? '0 : first_q + OutBits'(Lanes);
      end
    end
    if (move && winner_valid && better) begin
      best_q  <= winner[InBits-1:0];
      label_q <= label;
    end
  end

  assign out_valid_o = valid_q;
  assign out_data_o = label_q;
endmodule
