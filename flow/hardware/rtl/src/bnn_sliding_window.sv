// Role: turns a feature map into the windows of a convolution (im2col), padding included.
// Input: row, group of PixelsIn pixels, channel group. Output: row, group of PixelsOut pixels:
//        kernel row, kernel column, channel group. One beat is Simd channels of ElemBits each of
//        every pixel, pixel 0 and of it channel 0 least significant. out_pad_o marks the pixels
//        that lie in the padding; they carry PadElem.
// Formula: OfmHeight = (IfmHeight + PadTop + PadBottom - KernelH) / StrideH + 1 (columns alike).
// How: the writer fills a ring of rows, the reader walks its windows in it. A word may be read
//      two cycles after it was written; a row is given back when its last window is done. The
//      ring holds the rows of the last windows of one frame and of the first of the next.
//      Columns lie side by side in banks, so that several are written and read at once.
// Latency: 4 cycles after the last word that the first beat needs; 5 with several banks.
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
    parameter int unsigned               PixelsIn  = 1,
    parameter int unsigned               PixelsOut = 1,
    parameter logic        [ElemBits-1:0] PadElem  = '0,
    parameter                            RamStyle  = "auto"
) (
    input  logic                               clk_i,
    input  logic                               rst_ni,
    input  logic                               in_valid_i,
    output logic                               in_ready_o,
    input  logic [ PixelsIn*Simd*ElemBits-1:0] in_data_i,
    output logic                               out_valid_o,
    input  logic                               out_ready_i,
    output logic [PixelsOut*Simd*ElemBits-1:0] out_data_o,
    output logic [              PixelsOut-1:0] out_pad_o
);
  localparam int unsigned Width = Simd * ElemBits;
  localparam int unsigned OfmWidth = (IfmWidth + PadLeft + PadRight - KernelW)
      / ((StrideW > 0) ? StrideW : 1) + 1;

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
  if (PixelsIn < 1 || IfmWidth % PixelsIn != 0) begin : gen_bad_pixels_in
    $error("bnn_sliding_window: PixelsIn=%0d does not divide IfmWidth=%0d", PixelsIn, IfmWidth);
  end
  if (PixelsOut < 1 || OfmWidth % PixelsOut != 0) begin : gen_bad_pixels_out
    $error("bnn_sliding_window: PixelsOut=%0d does not divide the output width %0d", PixelsOut,
           OfmWidth);
  end
  if (PixelsOut > 1 && StrideW > 1) begin : gen_bad_pixels_stride
    $error("bnn_sliding_window: PixelsOut=%0d needs StrideW=1, got %0d", PixelsOut, StrideW);
  end

  logic                       core_valid;
  logic                       core_ready;
  logic [      PixelsOut-1:0] core_pad;
  logic [PixelsOut*Width-1:0] core_data;

  if (KernelH == 1 && KernelW == 1 && StrideH == 1 && StrideW == 1 && PixelsIn == PixelsOut)
  begin : gen_pass
    assign core_valid = in_valid_i;
    assign in_ready_o = core_ready;
    assign core_pad   = '0;
    assign core_data  = in_data_i;
  end else if (StrideH > 0 && StrideW > 0) begin : gen_window
    logic [PixelsOut*Width-1:0] read_data;

    bnn_window_buffer #(
        .IfmHeight(IfmHeight),
        .IfmWidth (IfmWidth),
        .Groups   (Channels / Simd),
        .Width    (Width),
        .PixelsIn (PixelsIn),
        .PixelsOut(PixelsOut),
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
        .out_pad_o  (core_pad)
    );
    for (genvar m = 0; m < PixelsOut; m++) begin : gen_pixel
      assign core_data[m*Width+:Width] = core_pad[m] ? {Simd{PadElem}} : read_data[m*Width+:Width];
    end
  end

  bnn_stream_reg #(
      .Width(PixelsOut * (Width + 1))
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
