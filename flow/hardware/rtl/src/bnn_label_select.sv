// Role: labels of the TopK greatest of NumLabels signed scores; the lowest index wins a tie.
// Input: Lanes scores a beat, label 0 first and least significant. Output: one beat a vector, TopK
//        labels, the best least significant.
// Latency: 3 + clog2(Lanes) cycles after the last beat for TopK = 1, else at most
//          3 + Lanes + TopK. Throughput: 1 beat a cycle in for TopK = 1, else 1 score a cycle.
//          in_ready_o leaves from a register.
module bnn_label_select #(
    parameter int unsigned  NumLabels = 10,
    parameter int unsigned  InBits    = 8,
    parameter int unsigned  Lanes     = 1,
    parameter int unsigned  TopK      = 1,
    localparam int unsigned OutBits   = (NumLabels > 1) ? $clog2(NumLabels) : 1
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    in_valid_i,
    output logic                    in_ready_o,
    input  logic [Lanes*InBits-1:0] in_data_i,
    output logic                    out_valid_o,
    input  logic                    out_ready_i,
    output logic [TopK*OutBits-1:0] out_data_o
);
  if (Lanes < 1 || NumLabels % Lanes != 0) begin : gen_illegal
    $error("bnn_label_select: Lanes=%0d does not divide NumLabels=%0d", Lanes, NumLabels);
  end
  if (TopK < 1 || TopK > 5 || TopK > NumLabels) begin : gen_bad_top
    $error("bnn_label_select: TopK=%0d, NumLabels=%0d; TopK must be 1 to 5 of the labels", TopK,
           NumLabels);
  end

  // Places beyond the first take one score after the other.
  localparam int unsigned Width = (TopK == 1) ? Lanes * InBits : InBits;
  logic reg_valid, reg_ready;
  logic [Width-1:0] reg_data;

  bnn_width_converter #(
      .InWidth (Lanes * InBits),
      .OutWidth(Width)
  ) u_in (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .out_valid_o(reg_valid),
      .out_ready_i(reg_ready),
      .out_data_o (reg_data)
  );

  if (TopK == 1) begin : gen_best
    bnn_label_best #(
        .NumLabels(NumLabels),
        .InBits   (InBits),
        .Lanes    (Lanes),
        .OutBits  (OutBits)
    ) u_best (
        .clk_i,
        .rst_ni,
        .in_valid_i(reg_valid),
        .in_ready_o(reg_ready),
        .in_data_i (reg_data),
        .out_valid_o,
        .out_ready_i,
        .out_data_o
    );
  end else begin : gen_rank
    bnn_label_rank #(
        .NumLabels(NumLabels),
        .InBits   (InBits),
        .TopK     (TopK),
        .OutBits  (OutBits)
    ) u_rank (
        .clk_i,
        .rst_ni,
        .in_valid_i(reg_valid),
        .in_ready_o(reg_ready),
        .in_data_i (reg_data),
        .out_valid_o,
        .out_ready_i,
        .out_data_o
    );
  end

`ifndef SYNTHESIS
  bnn_stream_check #(
      .Width(TopK * OutBits)
  ) u_check_out (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid_o),
      .ready_i(out_ready_i),
      .data_i (out_data_o)
  );
`endif
endmodule
