// Role: one geometry of bnn_mvu between a source and a sink of vectors.
//       An input beat is {pad, data}.
module bnn_mvu_tb #(
    parameter int unsigned MW             = 8,
    parameter int unsigned MH             = 4,
    parameter int unsigned PE             = 2,
    parameter int unsigned SIMD           = 4,
    parameter int unsigned InBits         = 1,
    parameter bit          InSigned       = 1'b0,
    parameter bit          PadFlags       = 1'b0,
    parameter bit          Threshold      = 1'b1,
    parameter int unsigned AccBits        = 8,
    parameter int unsigned ThreshBits     = 8,
    parameter              WeightFile     = "",
    parameter              ThreshFile     = "",
    parameter              WeightStyle    = "auto",
    parameter int unsigned FastPeriod     = 1,
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
  localparam int unsigned InWidth = SIMD * InBits + 1;
  localparam int unsigned OutWidth = PE * (Threshold ? 1 : AccBits);

  logic in_valid, in_ready, out_valid, out_ready;
  logic [InWidth-1:0] in_data;
  logic [OutWidth-1:0] out_data;

  bnn_tb_source #(
      .Width(InWidth),
      .Beats(InBeats),
      .FastBeats((FastFrames + 1) * InPerFrame),
      .FastPeriod(FastPeriod),
      .File(InFile)
  ) u_source (
      .clk_i,
      .rst_ni,
      .valid_o(in_valid),
      .ready_i(in_ready),
      .data_o(in_data)
  );

  bnn_mvu #(
      .MW(MW),
      .MH(MH),
      .PE(PE),
      .SIMD(SIMD),
      .InBits(InBits),
      .InSigned(InSigned),
      .PadFlags(PadFlags),
      .Threshold(Threshold),
      .AccBits(AccBits),
      .ThreshBits(ThreshBits),
      .WeightFile(WeightFile),
      .ThreshFile(ThreshFile),
      .WeightStyle(WeightStyle)
  ) u_dut (
      .clk_i,
      .rst_ni,
      .in_valid_i(in_valid),
      .in_ready_o(in_ready),
      .in_data_i(in_data[InWidth-2:0]),
      .in_pad_i(in_data[InWidth-1]),
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
