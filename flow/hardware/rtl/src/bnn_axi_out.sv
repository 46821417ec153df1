// Role: frames of score words become packets for the DMA.
// How: words are taken apart into elements, element 0 first; each is extended to ElemOutBits (two's
//      complement if Signed), so that the processor reads plain integers. A frame fills whole
//      beats:
//      zeros follow its last element. TLAST comes with the last beat of a frame whose tag says so.
// Latency: that of two bnn_width_converters. Throughput: 1 element or 1 beat a cycle.
module bnn_axi_out #(
    parameter int unsigned DmaWidth    = 128,
    parameter int unsigned Lanes       = 1,
    parameter int unsigned ElemBits    = 8,
    parameter bit          Signed      = 1'b1,
    parameter int unsigned ElemOutBits = 16,
    parameter int unsigned Words       = 10
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic                      in_valid_i,
    output logic                      in_ready_o,
    input  logic [Lanes*ElemBits-1:0] in_data_i,
    input  logic                      tag_valid_i,
    output logic                      tag_ready_o,
    input  logic                      tag_last_i,
    output logic                      m_axis_tvalid,
    input  logic                      m_axis_tready,
    output logic [      DmaWidth-1:0] m_axis_tdata,
    output logic                      m_axis_tlast,
    output logic                      frame_o        // the last beat of a frame leaves
);
  localparam int unsigned Elems = Lanes * Words;
  localparam int unsigned PerBeat = DmaWidth / ElemOutBits;
  localparam int unsigned FrameBeats = (Elems + PerBeat - 1) / PerBeat;
  localparam int unsigned SentElems = FrameBeats * PerBeat;
  localparam int unsigned ElemIndexBits = $clog2(SentElems + 1);
  localparam int unsigned BeatBits = $clog2(FrameBeats + 1);

  if (ElemBits > ElemOutBits || PerBeat * ElemOutBits != DmaWidth) begin : gen_illegal
    $error("bnn_axi_out: ElemBits=%0d, ElemOutBits=%0d, DmaWidth=%0d; each must fit the next",
           ElemBits, ElemOutBits, DmaWidth);
  end

  logic elem_valid, elem_ready, sent_valid, sent_ready, beat_valid, beat_ready;
  logic [ElemBits-1:0] elem;
  logic [ElemOutBits-1:0] sent;
  logic elem_real_q, beat_last_q;  // known ahead: no comparison before a handshake
  logic [ElemIndexBits-1:0] elem_q;
  logic [BeatBits-1:0] beat_q;

  bnn_width_converter #(
      .InWidth (Lanes * ElemBits),
      .OutWidth(ElemBits)
  ) u_split (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .out_valid_o(elem_valid),
      .out_ready_i(elem_ready),
      .out_data_o (elem)
  );

  assign elem_ready = sent_ready && elem_real_q;
  assign sent_valid = elem_valid || !elem_real_q;
  always_comb begin
    sent = '0;
    if (elem_real_q) begin
      sent = {ElemOutBits{Signed && elem[ElemBits-1]}};
      sent[ElemBits-1:0] = elem;
    end
  end

  bnn_width_converter #(
      .InWidth (ElemOutBits),
      .OutWidth(DmaWidth)
  ) u_join (
      .clk_i,
      .rst_ni,
      .in_valid_i (sent_valid),
      .in_ready_o (sent_ready),
      .in_data_i  (sent),
      .out_valid_o(beat_valid),
      .out_ready_i(beat_ready),
      .out_data_o (m_axis_tdata)
  );

  // The tag is there long before the last beat; should it not be, the beat waits.
  assign m_axis_tvalid = beat_valid && (!beat_last_q || tag_valid_i);
  assign beat_ready = m_axis_tready && (!beat_last_q || tag_valid_i);
  assign m_axis_tlast = beat_last_q && tag_last_i;
  assign tag_ready_o = beat_valid && m_axis_tready && beat_last_q;
  assign frame_o = m_axis_tvalid && m_axis_tready && beat_last_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      elem_q <= '0;
      beat_q <= '0;
      elem_real_q <= 1'b1;
      beat_last_q <= FrameBeats == 1;
    end else begin
      if (sent_valid && sent_ready) begin
        elem_q <= (elem_q == ElemIndexBits'(SentElems - 1)) ? '0 : elem_q + 1'b1;
        if (elem_q == ElemIndexBits'(SentElems - 1)) elem_real_q <= 1'b1;
        else if (elem_q == ElemIndexBits'(Elems - 1)) elem_real_q <= 1'b0;
      end
      if (m_axis_tvalid && m_axis_tready) begin
        beat_q <= (beat_last_q ? '0 : beat_q) + BeatBits'(!beat_last_q);
        beat_last_q <= FrameBeats == 1 || beat_q == BeatBits'(FrameBeats - 2);
      end
    end
  end

`ifndef SYNTHESIS
  bnn_stream_check #(
      .Width(DmaWidth + 1)
  ) u_check_out (
      .clk_i,
      .rst_ni,
      .valid_i(m_axis_tvalid),
      .ready_i(m_axis_tready),
      .data_i ({m_axis_tlast, m_axis_tdata})
  );
`endif
endmodule
