// Role: one geometry of bnn_axi_in. Source beats carry TLAST as their top bit. The words that come
//       out are told how many frames' tags had TLAST before, modulo 256, in their top 8 bits: a tag
//       that is missing, late by a frame, or wrong shows there.
module bnn_axi_in_tb #(
    parameter int unsigned DmaWidth       = 128,
    parameter int unsigned WordWidth      = 24,
    parameter int unsigned Words          = 4,
    parameter int unsigned FrameBeats     = 3,
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
  logic in_valid, in_ready, out_valid, out_ready, sink_ready;
  logic [DmaWidth:0] in_data;
  logic [WordWidth-1:0] out_data;
  logic tag_valid, tag_ready, tag_open_q, queue_ready_in, tag_last, queue_valid;
  logic queue_ready, queue_last;
  logic frame, packet_error;
  logic [31:0] high_water, word_q;
  logic [7:0] ends_q;

  bnn_tb_source #(
      .Width(DmaWidth + 1),
      .Beats(InBeats),
      .FastBeats((FastFrames + 1) * InPerFrame),
      .File(InFile)
  ) u_source (
      .clk_i,
      .rst_ni,
      .valid_o(in_valid),
      .ready_i(in_ready),
      .data_o (in_data)
  );

  bnn_axi_in #(
      .DmaWidth  (DmaWidth),
      .WordWidth (WordWidth),
      .Words     (Words),
      .FrameBeats(FrameBeats)
  ) u_dut (
      .clk_i,
      .rst_ni,
      .s_axis_tvalid (in_valid),
      .s_axis_tready (in_ready),
      .s_axis_tdata  (in_data[DmaWidth-1:0]),
      .s_axis_tlast  (in_data[DmaWidth]),
      .out_valid_o   (out_valid),
      .out_ready_i   (out_ready),
      .out_data_o    (out_data),
      .tag_valid_o   (tag_valid),
      .tag_ready_i   (tag_ready),
      .tag_last_o    (tag_last),
      .frame_o       (frame),
      .packet_error_o(packet_error)
  );

  bnn_fifo #(
      .Width(1),
      .Depth(2)
  ) u_tags (
      .clk_i,
      .rst_ni,
      .in_valid_i  (tag_valid && tag_open_q),
      .in_ready_o  (queue_ready_in),
      .in_data_i   (tag_last),
      .out_valid_o (queue_valid),
      .out_ready_i (queue_ready),
      .out_data_o  (queue_last),
      .high_water_o(high_water)
  );

  assign tag_ready = queue_ready_in && tag_open_q;
  always_ff @(posedge clk_i) tag_open_q <= $urandom_range(3) == 0;

  // The last word of a frame waits for its tag, as the scores do in the shell.
  logic last_word;
  assign last_word   = word_q == Words - 1;
  assign out_ready   = sink_ready && (!last_word || queue_valid);
  assign queue_ready = out_valid && sink_ready && last_word;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      word_q <= '0;
      ends_q <= '0;
    end else begin
      if (out_valid && out_ready) word_q <= last_word ? '0 : word_q + 1;
      if (queue_valid && queue_ready && queue_last) ends_q <= ends_q + 1'b1;
      if (packet_error) $fatal(1, "%m: no packet ends inside a frame here");
      if (frame && high_water > 3) $fatal(1, "%m: a frame without room for its tag");
    end
  end

  bnn_tb_sink #(
      .Width(WordWidth + 8),
      .Beats(OutBeats),
      .BeatsPerFrame(OutPerFrame),
      .FastFrames(FastFrames),
      .WarmFrames(WarmFrames),
      .CyclesPerFrame(CyclesPerFrame),
      .File(OutFile)
  ) u_sink (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid && (!last_word || queue_valid)),
      .ready_o(sink_ready),
      .data_i ({ends_q, out_data}),
      .done_o,
      .beats_o
  );
endmodule
