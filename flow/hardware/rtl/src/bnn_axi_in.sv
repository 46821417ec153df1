// Role: packets from the DMA become frames of pixel words.
// How: a frame is FrameBeats beats of DmaWidth bits. Its words lie in them without gaps, byte 0 of
//      the first word least significant; bytes after the last word only fill the frame up and are
//      dropped.
//      A frame fills a whole number of groups of lcm(DmaWidth, WordWidth) bits.
// Tags: one for each frame, taken with its last beat: whether the packet (TLAST) ends there. The
//       output side gives its packets the same ends. packet_error_o: TLAST inside a frame.
// Latency: that of bnn_width_converter. Throughput: 1 beat or 1 word a cycle.
module bnn_axi_in #(
    parameter int unsigned DmaWidth   = 128,
    parameter int unsigned WordWidth  = 24,
    parameter int unsigned Words      = 1024,
    parameter int unsigned FrameBeats = 192
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 s_axis_tvalid,
    output logic                 s_axis_tready,
    input  logic [ DmaWidth-1:0] s_axis_tdata,
    input  logic                 s_axis_tlast,
    output logic                 out_valid_o,
    input  logic                 out_ready_i,
    output logic [WordWidth-1:0] out_data_o,
    output logic                 tag_valid_o,
    input  logic                 tag_ready_i,
    output logic                 tag_last_o,
    output logic                 frame_o,        // the last beat of a frame is taken
    output logic                 packet_error_o
);
  localparam int unsigned SentWords = FrameBeats * DmaWidth / WordWidth;
  localparam int unsigned BeatBits = $clog2(FrameBeats + 1);
  localparam int unsigned WordBits = $clog2(SentWords + 1);

  if (DmaWidth % 8 != 0 || WordWidth % 8 != 0) begin : gen_illegal_width
    $error("bnn_axi_in: DmaWidth=%0d, WordWidth=%0d; both must be whole bytes", DmaWidth,
           WordWidth);
  end
  if (Words < 1 || SentWords * WordWidth != FrameBeats * DmaWidth || SentWords < Words)
  begin : gen_illegal_frame
    $error("bnn_axi_in: %0d words of %0d bits do not fit %0d beats of %0d bits, or no whole group",
           Words, WordWidth, FrameBeats, DmaWidth);
  end

  logic conv_valid, conv_ready, word_valid, word_ready;
  logic beat_last_q, word_kept_q, fire;  // known a beat ahead: no comparison before a handshake
  logic [BeatBits-1:0] beat_q;
  logic [WordBits-1:0] word_q;

  assign s_axis_tready = conv_ready && (!beat_last_q || tag_ready_i);
  assign conv_valid = s_axis_tvalid && (!beat_last_q || tag_ready_i);
  assign tag_valid_o = s_axis_tvalid && conv_ready && beat_last_q;
  assign tag_last_o = s_axis_tlast;
  assign fire = s_axis_tvalid && s_axis_tready;
  assign frame_o = fire && beat_last_q;
  assign packet_error_o = fire && s_axis_tlast && !beat_last_q;

  bnn_width_converter #(
      .InWidth (DmaWidth),
      .OutWidth(WordWidth)
  ) u_convert (
      .clk_i,
      .rst_ni,
      .in_valid_i (conv_valid),
      .in_ready_o (conv_ready),
      .in_data_i  (s_axis_tdata),
      .out_valid_o(word_valid),
      .out_ready_i(word_ready),
      .out_data_o
  );

  assign out_valid_o = word_valid && word_kept_q;
  assign word_ready = out_ready_i || !word_kept_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q <= '0;
      word_q <= '0;
      beat_last_q <= FrameBeats == 1;
      word_kept_q <= 1'b1;
    end else begin
      if (fire) begin
        beat_q <= (beat_last_q ? '0 : beat_q) + BeatBits'(!beat_last_q);
        beat_last_q <= FrameBeats == 1 || beat_q == BeatBits'(FrameBeats - 2);
      end
      if (word_valid && word_ready) begin
        word_q <= (word_q == WordBits'(SentWords - 1)) ? '0 : word_q + 1'b1;
        if (word_q == WordBits'(SentWords - 1)) word_kept_q <= 1'b1;
        else if (word_q == WordBits'(Words - 1)) word_kept_q <= 1'b0;
      end
    end
  end
endmodule
