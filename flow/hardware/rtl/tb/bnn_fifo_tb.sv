// Role: one geometry of bnn_fifo between a source and a sink of vectors.
//       Also checks the high-water mark.
module bnn_fifo_tb #(
    parameter int unsigned Width          = 8,
    parameter int unsigned Depth          = 4,
    parameter int unsigned InBeats        = 1,
    parameter int unsigned OutBeats       = 1,
    parameter int unsigned InPerFrame     = 1,
    parameter int unsigned OutPerFrame    = 1,
    parameter int unsigned FastFrames     = 0,
    parameter int unsigned WarmFrames     = 1,
    parameter int unsigned CyclesPerFrame = 0,
    parameter              InFile         = "",
    parameter              OutFile        = ""
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    output logic        done_o,
    output logic [31:0] beats_o
);
  localparam int unsigned InWidth = Width;
  localparam int unsigned OutWidth = Width;

  logic in_valid, in_ready, out_valid, out_ready;
  logic [InWidth-1:0] in_data;
  logic [OutWidth-1:0] out_data;
  logic [31:0] high_water, most_q, held_q;

  bnn_tb_source #(
      .Width(InWidth),
      .Beats(InBeats),
      .FastBeats((FastFrames + 1) * InPerFrame),
      .File(InFile)
  ) u_source (
      .clk_i,
      .rst_ni,
      .valid_o(in_valid),
      .ready_i(in_ready),
      .data_o(in_data)
  );

  bnn_fifo #(
      .Width(Width),
      .Depth(Depth)
  ) u_dut (
      .clk_i,
      .rst_ni,
      .in_valid_i(in_valid),
      .in_ready_o(in_ready),
      .in_data_i(in_data),
      .out_valid_o(out_valid),
      .out_ready_i(out_ready),
      .out_data_o(out_data),
      .high_water_o(high_water)
  );

  bnn_tb_sink #(
      .Width(OutWidth),
      .Beats(OutBeats),
      .BeatsPerFrame(OutPerFrame),
      .FastFrames(FastFrames),
      .WarmFrames(WarmFrames),
      .CyclesPerFrame(CyclesPerFrame),
      .File(OutFile)
  ) u_sink (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid),
      .ready_o(out_ready),
      .data_i(out_data),
      .done_o,
      .beats_o
  );

  // Beats inside, counted at the ports: in memory plus at most one in the output register.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      held_q <= '0;
      most_q <= '0;
    end else begin
      held_q <= held_q + 32'(in_valid && in_ready) - 32'(out_valid && out_ready);
      if (held_q > most_q) most_q <= held_q;
      if (held_q > Depth + 1) $fatal(1, "%m: %0d beats inside, Depth %0d", held_q, Depth);
      if (done_o && (high_water > most_q || high_water + 1 < most_q))
        $fatal(1, "%m: high water %0d, counted %0d", high_water, most_q);
    end
  end
endmodule
