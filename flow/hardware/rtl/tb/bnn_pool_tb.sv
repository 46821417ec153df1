// Role: one geometry of bnn_pool between a source and a sink of vectors.
module bnn_pool_tb #(
    parameter int unsigned IfmHeight      = 4,
    parameter int unsigned IfmWidth       = 4,
    parameter int unsigned Channels       = 2,
    parameter int unsigned Pe             = 1,
    parameter int unsigned PoolH          = 2,
    parameter int unsigned PoolW          = 2,
    parameter int unsigned StrideH        = 2,
    parameter int unsigned StrideW        = 2,
    parameter int unsigned PadTop         = 0,
    parameter int unsigned PadLeft        = 0,
    parameter int unsigned PadBottom      = 0,
    parameter int unsigned PadRight       = 0,
    parameter int unsigned ElemBits       = 1,
    parameter bit          Signed         = 1'b0,
    parameter bit          Sum            = 1'b0,
    parameter int unsigned OutBits        = 1,
    parameter int unsigned Minimum        = 0,
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
  localparam int unsigned InWidth = Pe * ElemBits;
  localparam int unsigned OutWidth = Pe * OutBits;

  logic in_valid, in_ready, out_valid, out_ready;
  logic [InWidth-1:0] in_data;
  logic [OutWidth-1:0] out_data;

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

  bnn_pool #(
      .IfmHeight(IfmHeight),
      .IfmWidth(IfmWidth),
      .Channels(Channels),
      .Pe(Pe),
      .PoolH(PoolH),
      .PoolW(PoolW),
      .StrideH(StrideH),
      .StrideW(StrideW),
      .PadTop(PadTop),
      .PadLeft(PadLeft),
      .PadBottom(PadBottom),
      .PadRight(PadRight),
      .ElemBits(ElemBits),
      .Signed(Signed),
      .Sum(Sum),
      .OutBits(OutBits),
      .Minimum(Channels'(Minimum))
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
endmodule
