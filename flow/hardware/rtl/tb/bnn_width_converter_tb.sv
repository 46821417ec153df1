// Role: one geometry of bnn_width_converter between a source and a sink of vectors.
module bnn_width_converter_tb #(
    parameter int unsigned InWidth        = 8,
    parameter int unsigned OutWidth       = 8,
    parameter int unsigned Pixels         = 1,
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
  logic in_valid, in_ready, out_valid, out_ready;
  logic [Pixels*InWidth-1:0] in_data;
  logic [Pixels*OutWidth-1:0] out_data;

  bnn_tb_source #(
      .Width(Pixels * InWidth),
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

  bnn_width_converter #(
      .InWidth(InWidth),
      .OutWidth(OutWidth),
      .Pixels(Pixels)
  ) u_dut (
      .clk_i,
      .rst_ni,
      .in_valid_i(in_valid),
      .in_ready_o(in_ready),
      .in_data_i(in_data),
      .out_valid_o(out_valid),
      .out_ready_i(out_ready),
      .out_data_o(out_data)
  );

  bnn_tb_sink #(
      .Width(Pixels * OutWidth),
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
endmodule
