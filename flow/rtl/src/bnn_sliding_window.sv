// Role: turns a feature map into the windows of a convolution (im2col), padding included.
// Input: row, column, channel group. Output: for each output pixel, row-major: kernel row, kernel
//        column, channel group. One beat is Simd channels of ElemBits each, channel 0 least
//        significant. out_pad_o marks the beats that lie in the padding; they carry PadElem.
// Formula: OfmHeight = (IfmHeight + PadTop + PadBottom - KernelH) / StrideH + 1 (columns alike).
// How: the writer fills a ring of rows, the reader walks its windows in it. A word may be read
//      in the cycle after it was written; a row is given back when its last window is done. The
//      ring holds the rows of the last windows of one frame and of the first of the next.
// Latency: 4 cycles after the last word that the first window needs.
// Throughput: max(words in, words out) cycles a frame, no gap between rows or frames. in_ready_o
//             leaves from a register.
module bnn_sliding_window #(
    parameter int unsigned               IfmHeight = 4,
    parameter int unsigned               IfmWidth  = 4,
    parameter int unsigned               Channels  = 2,
    parameter int unsigned               Simd      = 1,
    parameter int unsigned               ElemBits  = 1,
    parameter int unsigned               KernelH   = 3,
    parameter int unsigned               KernelW   = 3,
    parameter int unsigned               StrideH   = 1,
    parameter int unsigned               StrideW   = 1,
    parameter int unsigned               PadTop    = 0,
    parameter int unsigned               PadBottom = 0,
    parameter int unsigned               PadLeft   = 0,
    parameter int unsigned               PadRight  = 0,
    parameter logic        [ElemBits-1:0] PadElem  = '0,
    parameter                            RamStyle  = "auto"
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     in_valid_i,
    output logic                     in_ready_o,
    input  logic [Simd*ElemBits-1:0] in_data_i,
    output logic                     out_valid_o,
    input  logic                     out_ready_i,
    output logic [Simd*ElemBits-1:0] out_data_o,
    output logic                     out_pad_o
);
  localparam int unsigned Width = Simd * ElemBits;

  if (Simd < 1 || Channels % Simd != 0) begin : gen_bad_simd
    $error("bnn_sliding_window: Simd=%0d does not divide Channels=%0d", Simd, Channels);
  end
  if (KernelH < 1 || KernelH > IfmHeight + PadTop + PadBottom) begin : gen_bad_kernel_h
    $error("bnn_sliding_window: KernelH=%0d does not fit the padded height %0d", KernelH,
           IfmHeight + PadTop + PadBottom);
  end
  if (KernelW < 1 || KernelW > IfmWidth + PadLeft + PadRight) begin : gen_bad_kernel_w
    $error("bnn_sliding_window: KernelW=%0d does not fit the padded width %0d", KernelW,
           IfmWidth + PadLeft + PadRight);
  end
  if (PadTop >= KernelH || PadBottom >= KernelH) begin : gen_bad_pad_h
    $error("bnn_sliding_window: PadTop=%0d, PadBottom=%0d must be smaller than KernelH=%0d",
           PadTop, PadBottom, KernelH);
  end
  if (PadLeft >= KernelW || PadRight >= KernelW) begin : gen_bad_pad_w
    $error("bnn_sliding_window: PadLeft=%0d, PadRight=%0d must be smaller than KernelW=%0d",
           PadLeft, PadRight, KernelW);
  end
  if (StrideH < 1 || StrideW < 1) begin : gen_bad_stride
    $error("bnn_sliding_window: StrideH=%0d, StrideW=%0d must be >= 1", StrideH, StrideW);
  end

  logic             core_valid;
  logic             core_ready;
  logic             core_pad;
  logic [Width-1:0] core_data;

  if (KernelH == 1 && KernelW == 1 && StrideH == 1 && StrideW == 1) begin : gen_pass
    assign core_valid = in_valid_i;
    assign in_ready_o = core_ready;
    assign core_pad   = 1'b0;
    assign core_data  = in_data_i;
  end else if (StrideH > 0 && StrideW > 0) begin : gen_window
    logic             read_pad;
    logic [Width-1:0] read_data;

    bnn_window_buffer #(
        .IfmHeight(IfmHeight),
        .IfmWidth (IfmWidth),
        .Groups   (Channels / Simd),
        .Width    (Width),
        .KernelH  (KernelH),
        .KernelW  (KernelW),
        .StrideH  (StrideH),
        .StrideW  (StrideW),
        .PadTop   (PadTop),
        .PadBottom(PadBottom),
        .PadLeft  (PadLeft),
        .PadRight (PadRight),
        .RamStyle (RamStyle)
    ) u_buffer (
        .clk_i,
        .rst_ni,
        .in_valid_i,
        .in_ready_o,
        .in_data_i,
        .out_valid_o(core_valid),
        .out_ready_i(core_ready),
        .out_data_o (read_data),
        .out_pad_o  (read_pad)
    );
    assign core_pad  = read_pad;
    assign core_data = read_pad ? {Simd{PadElem}} : read_data;
  end

  bnn_stream_reg #(
      .Width(Width + 1)
  ) u_out (
      .clk_i,
      .rst_ni,
      .in_valid_i (core_valid),
      .in_ready_o (core_ready),
      .in_data_i  ({core_pad, core_data}),
      .out_valid_o,
      .out_ready_i,
      .out_data_o ({out_pad_o, out_data_o})
  );
endmodule
