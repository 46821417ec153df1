// Role: the maximum, or the Sum, of windows of PoolH x PoolW pixels, with any stride and with
//       padding smaller than the window. What no window covers is dropped.
// Maximum: elements are unsigned or Signed; 1-bit ones are -1 or +1. Channel c takes the least
//       where Minimum[c]: its elements are complemented on the way in and on the way out. Padding
//       takes no part.
// Sum: elements are unsigned or Signed; 1-bit ones count as -1 or +1. Sums are modulo 2^OutBits;
//       they are signed where elements are Signed or have 1 bit. Padding adds 0.
// Input: row, column, channel group of Pe channels. Output: the same order on the pooled map.
// How: along rows, then along columns (bnn_pool_axis); a memory for each, a word for every channel
//       group, and a word for every column of the pooled map and channel group.
// Latency: after a window's last word that of the axes, and 1 cycle.
// Throughput: 1 word a cycle in, but for the axes' Tail. in_ready_o leaves from a register.
module bnn_pool #(
    parameter int unsigned  IfmHeight = 4,
    parameter int unsigned  IfmWidth  = 4,
    parameter int unsigned  Channels  = 2,
    parameter int unsigned  Pe        = 1,
    parameter int unsigned  PoolH     = 2,
    parameter int unsigned  PoolW     = 2,
    parameter int unsigned  StrideH   = 2,
    parameter int unsigned  StrideW   = 2,
    parameter int unsigned  PadTop    = 0,
    parameter int unsigned  PadLeft   = 0,
    parameter int unsigned  PadBottom = 0,
    parameter int unsigned  PadRight  = 0,
    parameter int unsigned  ElemBits  = 1,
    parameter bit           Signed    = 1'b0,
    parameter bit           Sum       = 1'b0,
    parameter int unsigned  OutBits   = 1,
    parameter logic [Channels-1:0] Minimum = '0
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   in_valid_i,
    output logic                   in_ready_o,
    input  logic [Pe*ElemBits-1:0] in_data_i,
    output logic                   out_valid_o,
    input  logic                   out_ready_i,
    output logic [ Pe*OutBits-1:0] out_data_o
);
  localparam int unsigned Groups = Channels / Pe;
  localparam int unsigned OfmWidth = (IfmWidth + PadLeft + PadRight - PoolW) / StrideW + 1;
  localparam bit PlusMinus = Sum && ElemBits == 1;  // two bits then: 01 or 11
  localparam int unsigned TermBits = PlusMinus ? 2 : ElemBits;
  localparam bit TermSigned = Signed || PlusMinus;
  // What the sum of a row of a window needs: its greatest magnitude, and a sign.
  localparam int unsigned Peak = PlusMinus ? PoolW : Signed ? (PoolW << (ElemBits - 1)) - 1
      : PoolW * ((1 << ElemBits) - 1);
  localparam int unsigned PeakBits = $clog2(Peak + 1) + (TermSigned ? 1 : 0);
  localparam int unsigned RowBits = (Sum && PeakBits < OutBits) ? PeakBits : OutBits;

  if (Pe < 1 || Channels % Pe != 0) begin : gen_bad_pe
    $error("bnn_pool: Pe=%0d does not divide Channels=%0d", Pe, Channels);
  end
  if (PoolH < 1 || PoolH > IfmHeight + PadTop + PadBottom) begin : gen_bad_height
    $error("bnn_pool: PoolH=%0d does not fit the padded height %0d", PoolH,
           IfmHeight + PadTop + PadBottom);
  end
  if (PoolW < 1 || PoolW > IfmWidth + PadLeft + PadRight) begin : gen_bad_width
    $error("bnn_pool: PoolW=%0d does not fit the padded width %0d", PoolW,
           IfmWidth + PadLeft + PadRight);
  end
  if (StrideH < 1 || StrideW < 1) begin : gen_bad_stride
    $error("bnn_pool: StrideH=%0d, StrideW=%0d; both must be >= 1", StrideH, StrideW);
  end
  if (PadTop >= PoolH || PadBottom >= PoolH) begin : gen_bad_rows
    $error("bnn_pool: PadTop=%0d, PadBottom=%0d must be smaller than PoolH=%0d", PadTop, PadBottom,
           PoolH);
  end
  if (PadLeft >= PoolW || PadRight >= PoolW) begin : gen_bad_columns
    $error("bnn_pool: PadLeft=%0d, PadRight=%0d must be smaller than PoolW=%0d", PadLeft, PadRight,
           PoolW);
  end
  if (Sum ? OutBits < TermBits : OutBits != ElemBits) begin : gen_bad_bits
    $error("bnn_pool: OutBits=%0d with ElemBits=%0d, Sum=%0d", OutBits, ElemBits, Sum);
  end

  // ---- channels that take the least: channel groups come, and go out, in order ----------------
  logic [Pe-1:0] in_flip, out_flip;
  logic pooled_valid, pooled_ready;

  if (Sum || Minimum == '0 || Groups == 1) begin : gen_one_mask
    assign in_flip  = Sum ? '0 : Minimum[Pe-1:0];
    assign out_flip = in_flip;
  end else begin : gen_masks
    bnn_channel_mask #(
        .Channels(Channels),
        .Pe      (Pe),
        .Mask    (Minimum)
    ) u_in_mask (
        .clk_i,
        .rst_ni,
        .step_i(in_valid_i && in_ready_o),
        .mask_o(in_flip)
    );
    bnn_channel_mask #(
        .Channels(Channels),
        .Pe      (Pe),
        .Mask    (Minimum)
    ) u_out_mask (
        .clk_i,
        .rst_ni,
        .step_i(pooled_valid && pooled_ready),
        .mask_o(out_flip)
    );
  end

  // ---- terms, rows of windows, windows --------------------------------------------------------
  logic [Pe*TermBits-1:0] terms;
  logic [Pe*RowBits-1:0] row;
  logic [Pe*OutBits-1:0] pooled, turned_back;
  logic row_valid, row_ready;

  for (genvar c = 0; c < Pe; c++) begin : gen_lane
    if (PlusMinus) begin : gen_plus_minus
      assign terms[c*2+:2] = {!in_data_i[c], 1'b1};
    end else begin : gen_elem
      assign terms[c*ElemBits+:ElemBits] = in_data_i[c*ElemBits+:ElemBits]
          ^ {ElemBits{in_flip[c]}};
    end
    assign turned_back[c*OutBits+:OutBits] = pooled[c*OutBits+:OutBits] ^ {OutBits{out_flip[c]}};
  end

  bnn_pool_axis #(
      .Positions(IfmWidth),
      .Inner    (Groups),
      .Size     (PoolW),
      .Stride   (StrideW),
      .PadLow   (PadLeft),
      .PadHigh  (PadRight),
      .Pe       (Pe),
      .Sum      (Sum),
      .Signed   (TermSigned),
      .InBits   (TermBits),
      .OutBits  (RowBits)
  ) u_row (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i  (terms),
      .out_valid_o(row_valid),
      .out_ready_i(row_ready),
      .out_data_o (row)
  );

  bnn_pool_axis #(
      .Positions(IfmHeight),
      .Inner    (OfmWidth * Groups),
      .Size     (PoolH),
      .Stride   (StrideH),
      .PadLow   (PadTop),
      .PadHigh  (PadBottom),
      .Pe       (Pe),
      .Sum      (Sum),
      .Signed   (TermSigned),
      .InBits   (RowBits),
      .OutBits  (OutBits)
  ) u_column (
      .clk_i,
      .rst_ni,
      .in_valid_i (row_valid),
      .in_ready_o (row_ready),
      .in_data_i  (row),
      .out_valid_o(pooled_valid),
      .out_ready_i(pooled_ready),
      .out_data_o (pooled)
  );

  bnn_stream_reg #(
      .Width(Pe * OutBits)
  ) u_out (
      .clk_i,
      .rst_ni,
      .in_valid_i (pooled_valid),
      .in_ready_o (pooled_ready),
      .in_data_i  (turned_back),
      .out_valid_o,
      .out_ready_i,
      .out_data_o
  );
endmodule
