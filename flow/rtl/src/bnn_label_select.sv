// Role: index of the greatest of NumLabels signed scores; the lowest index wins a tie.
// Input: Lanes scores a beat, label 0 first and least significant. Output: one beat a vector.
// How: a tournament of neighbours with a register after every round, then the best so far.
// Latency: 3 + clog2(Lanes) cycles after the last beat. Throughput: 1 beat a cycle in. in_ready_o
//          leaves from a register.
module bnn_label_select #(
    parameter int unsigned  NumLabels = 10,
    parameter int unsigned  InBits    = 8,
    parameter int unsigned  Lanes     = 1,
    localparam int unsigned OutBits   = (NumLabels > 1) ? $clog2(NumLabels) : 1
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

  if (Lanes < 1 || NumLabels % Lanes != 0) begin : gen_illegal
    $error("bnn_label_select: Lanes=%0d does not divide NumLabels=%0d", Lanes, NumLabels);
  end

  logic reg_valid, move, valid_q;
  logic [Lanes*InBits-1:0] reg_data;

  bnn_stream_reg #(
      .Width(Lanes * InBits)
  ) u_in (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .out_valid_o(reg_valid),
      .out_ready_i(move),
      .out_data_o (reg_data)
  );

  // The pipeline moves as a whole unless its last register holds a label that nobody takes.
  assign move = !valid_q || out_ready_i;

  for (genvar r = 0; r <= Rounds; r++) begin : gen_round
    localparam int unsigned Count = (Lanes + (1 << r) - 1) >> r;
    logic [Count*PairBits-1:0] pairs;
    logic valid;

    if (r == 0) begin : gen_scores
      for (genvar n = 0; n < Count; n++) begin : gen_label
        assign pairs[n*PairBits+:PairBits] = {OutBits'(n), reg_data[n*InBits+:InBits]};
      end
      assign valid = reg_valid;
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
        always_ff @(posedge clk_i) begin
          if (move) begin
            pairs_q[n*PairBits+:PairBits] <=
                ($signed(high[InBits-1:0]) > $signed(low[InBits-1:0])) ? high : low;
          end
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
  logic winner_valid, first, last, better;

  assign winner = gen_round[Rounds].pairs;
  assign winner_valid = gen_round[Rounds].valid;
  assign first = beat_q == '0;
  assign last = beat_q == BeatBits'(Beats - 1);
  assign better = first || $signed(winner[InBits-1:0]) > $signed(best_q);
  assign label = first_q + winner[PairBits-1:InBits];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q  <= '0;
      first_q <= '0;
      valid_q <= 1'b0;
    end else if (move) begin
      valid_q <= winner_valid && last;
      if (winner_valid) begin
        beat_q  <= last ? '0 : beat_q + 1'b1;
        first_q <= last ? '0 : first_q + OutBits'(Lanes);
      end
    end
    if (move && winner_valid && better) begin
      best_q  <= winner[InBits-1:0];
      label_q <= label;
    end
  end

  assign out_valid_o = valid_q;
  assign out_data_o = label_q;

`ifndef SYNTHESIS
  bnn_stream_check #(
      .Width(OutBits)
  ) u_check_out (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid_o),
      .ready_i(out_ready_i),
      .data_i (out_data_o)
  );
`endif
endmodule
