// Role: one geometry of bnn_threshold between a source and a sink of vectors; a loadable memory is
//       loaded first.
module bnn_threshold_tb #(
    parameter int unsigned Channels       = 4,
    parameter int unsigned Pe             = 2,
    parameter int unsigned InBits         = 4,
    parameter bit          InSigned       = 1'b0,
    parameter int unsigned Steps          = 3,
    parameter int unsigned CodeBits       = 2,
    parameter int unsigned CodeLow        = 0,
    parameter bit          Falls          = 1'b0,
    parameter int unsigned ThreshBits     = 6,
    parameter              ThreshFile     = "",
    parameter              ThreshStyle    = "distributed",
    parameter int unsigned ReadLatency    = 1,
    parameter bit          Loadable       = 1'b0,
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
  localparam int unsigned InWidth = Pe * InBits;
  localparam int unsigned OutWidth = Pe * CodeBits;

  logic in_valid, in_ready, out_valid, out_ready;
  logic [InWidth-1:0] in_data;
  logic [OutWidth-1:0] out_data;

  logic load_start, load_valid, after_start, after_valid, loaded;
  logic [31:0] load_data, after_data;

  if (Loadable) begin : gen_load
    bnn_tb_loader #(
        .FirstWidth(Pe * Steps * ThreshBits + (Falls ? Pe : 0)),
        .FirstDepth(Channels / Pe),
        .FirstFile(ThreshFile),
        .SecondWidth(1),
        .SecondDepth(0),
        .SecondFile("")
    ) u_loader (
        .clk_i,
        .rst_ni,
        .start_o(load_start),
        .valid_o(load_valid),
        .data_o(load_data),
        .valid_i(after_valid),
        .data_i(after_data),
        .done_o(loaded)
    );
    logic unused_start;
    assign unused_start = after_start;
  end else begin : gen_no_load
    logic unused_after;
    assign unused_after = ^{after_start, after_valid, after_data};
    assign {load_start, load_valid, load_data} = '0;
    assign loaded = 1'b1;
  end

  bnn_tb_source #(
      .Width(InWidth),
      .Beats(InBeats),
      .FastBeats((FastFrames + 1) * InPerFrame),
      .File(InFile)
  ) u_source (
      .clk_i,
      .rst_ni(rst_ni && loaded),
      .valid_o(in_valid),
      .ready_i(in_ready),
      .data_o(in_data)
  );

  bnn_threshold #(
      .Channels(Channels),
      .Pe(Pe),
      .InBits(InBits),
      .InSigned(InSigned),
      .Steps(Steps),
      .CodeBits(CodeBits),
      .CodeLow(CodeLow),
      .Falls(Falls),
      .ThreshBits(ThreshBits),
      .ThreshFile(ThreshFile),
      .ThreshStyle(ThreshStyle),
      .ReadLatency(ReadLatency),
      .Loadable(Loadable)
  ) u_dut (
      .clk_i,
      .rst_ni,
      .in_valid_i(in_valid),
      .in_ready_o(in_ready),
      .in_data_i(in_data),
      .out_valid_o(out_valid),
      .out_ready_i(out_ready),
      .out_data_o(out_data),
      .load_start_i(load_start),
      .load_valid_i(load_valid),
      .load_data_i(load_data),
      .load_start_o(after_start),
      .load_valid_o(after_valid),
      .load_data_o(after_data)
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
