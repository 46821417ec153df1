// Role: one geometry of bnn_axi_out. A source word is the tag of its frame (top bit), then the
//       score
//       word; the tag is handed over with the frame's last word. Expected beats carry TLAST on top.
module bnn_axi_out_tb #(
    parameter int unsigned DmaWidth       = 128,
    parameter int unsigned Lanes          = 1,
    parameter int unsigned ElemBits       = 8,
    parameter int unsigned Signed         = 1,
    parameter int unsigned ElemOutBits    = 16,
    parameter int unsigned Words          = 10,
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
  localparam int unsigned Width = Lanes * ElemBits;

  logic in_valid, in_ready, dut_ready, out_valid, out_ready, out_last, frame;
  logic [Width:0] in_data;
  logic [DmaWidth-1:0] out_data;
  logic tag_ready, tag_in_ready, tag_valid, tag_last, last_word, both;
  logic [31:0] high_water, word_q, frames_q, ends_q;

  bnn_tb_source #(
      .Width(Width + 1),
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

  assign last_word = word_q == Words - 1;
  assign both = dut_ready && (!last_word || tag_in_ready);
  assign in_ready = both;

  bnn_fifo #(
      .Width(1),
      .Depth(2)
  ) u_tags (
      .clk_i,
      .rst_ni,
      .in_valid_i  (in_valid && dut_ready && last_word),
      .in_ready_o  (tag_in_ready),
      .in_data_i   (in_data[Width]),
      .out_valid_o (tag_valid),
      .out_ready_i (tag_ready),
      .out_data_o  (tag_last),
      .high_water_o(high_water)
  );

  bnn_axi_out #(
      .DmaWidth   (DmaWidth),
      .Lanes      (Lanes),
      .ElemBits   (ElemBits),
      .Signed     (Signed != 0),
      .ElemOutBits(ElemOutBits),
      .Words      (Words)
  ) u_dut (
      .clk_i,
      .rst_ni,
      .in_valid_i   (in_valid && (!last_word || tag_in_ready)),
      .in_ready_o   (dut_ready),
      .in_data_i    (in_data[Width-1:0]),
      .tag_valid_i  (tag_valid),
      .tag_ready_o  (tag_ready),
      .tag_last_i   (tag_last),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready),
      .m_axis_tdata (out_data),
      .m_axis_tlast (out_last),
      .frame_o      (frame)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      word_q   <= '0;
      frames_q <= '0;
      ends_q   <= '0;
    end else begin
      if (in_valid && in_ready) word_q <= last_word ? '0 : word_q + 1;
      if (frame) frames_q <= frames_q + 1;
      if (out_valid && out_ready) ends_q <= ends_q + 1;
      if (high_water > 3) $fatal(1, "%m: %0d tags in a queue for two", high_water);
      if (frame && (ends_q + 1) % OutPerFrame != 0) $fatal(1, "%m: frame_o inside a frame");
      if (done_o && frames_q != OutBeats / OutPerFrame)
        $fatal(1, "%m: %0d frames counted, expected %0d", frames_q, OutBeats / OutPerFrame);
    end
  end

  bnn_tb_sink #(
      .Width(DmaWidth + 1),
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
      .data_i ({out_last, out_data}),
      .done_o,
      .beats_o
  );
endmodule
