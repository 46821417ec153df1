// Role: says, beat by beat, which words bnn_window_buffer reads: addresses, padding, and what must
//       have been written before.
// Words: column c of a row lies in bank c mod Banks, word floor(c / Banks) * Groups + group of the
//        RowDepth words that the row has there. addr_o is the first pixel's word; columns in the
//        next multiple of Banks lie Groups words on, at next_addr_o. shift_o is the first pixel's
//        bank or, with ByKernel, the kernel column, which stands for it.
// Needed: column col_o of row row_o, counted since reset modulo 2^PosBits. A beat of nothing but
//         padding needs column 0 of its row, of the first row above the map, and of the last one
//         below it: no beat of a frame precedes the frame.
// Pipeline: walk -> sides (what is padding) -> request. All of it moves with step_i; after reset
//           valid_o comes with the first beat and stays.
module bnn_window_request #(
    parameter int unsigned IfmHeight = 4,
    parameter int unsigned IfmWidth  = 4,
    parameter int unsigned OfmHeight = 2,
    parameter int unsigned OfmGroups = 2,
    parameter int unsigned Groups    = 2,
    parameter int unsigned PixelsOut = 1,
    parameter int unsigned KernelH   = 3,
    parameter int unsigned KernelW   = 3,
    parameter int unsigned StrideH   = 1,
    parameter int unsigned ColStep   = 1,
    parameter int unsigned PadTop    = 0,
    parameter int unsigned PadBottom = 0,
    parameter int unsigned PadLeft   = 0,
    parameter int unsigned PadRight  = 0,
    parameter int unsigned UsedRows  = 4,
    parameter int unsigned NumRows   = 5,
    parameter int unsigned RowDepth  = 8,
    parameter int unsigned Banks     = 1,
    parameter bit          ByKernel  = 1'b0,
    parameter int unsigned AddrBits  = 6,
    parameter int unsigned HaveBits  = 2,
    parameter int unsigned PosBits   = 5,
    parameter int unsigned ShiftBits = 1,
    parameter int unsigned FreeBits  = 3
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 step_i,
    output logic                 valid_o,
    output logic [ AddrBits-1:0] addr_o,
    output logic [ AddrBits-1:0] next_addr_o,
    output logic [ShiftBits-1:0] shift_o,
    output logic [PixelsOut-1:0] pad_o,
    output logic [  PosBits-1:0] row_o,
    output logic [ HaveBits-1:0] col_o,
    output logic [ FreeBits-1:0] freed_o   // rows that nobody reads after this beat
);
  localparam int unsigned LastBase = (OfmHeight - 1) * StrideH;
  localparam int unsigned LastFirst = (LastBase > PadTop) ? LastBase - PadTop : 0;
  // Output rows that start in the padding.
  localparam int RampRows = (PadTop + StrideH - 1) / StrideH;
  localparam int unsigned MaxCol = (IfmWidth + PadRight > PadLeft) ? IfmWidth + PadRight : PadLeft;
  localparam int unsigned MaxRow = (IfmHeight + PadBottom > PadTop) ? IfmHeight + PadBottom
      : PadTop;
  localparam int unsigned ColBits = $clog2(MaxCol + 1) + 1;
  localparam int unsigned RowBits = $clog2(MaxRow + 1) + 1;
  localparam int unsigned SlotBits = $clog2(NumRows);
  localparam int unsigned GroupBits = $clog2(Groups + 1);
  localparam int unsigned KxBits = $clog2(KernelW + 1);
  localparam int unsigned OyBits = $clog2(OfmHeight + 1);
  localparam int unsigned BankBits = (Banks > 1) ? $clog2(Banks) : 1;

  // ---- walk ---------------------------------------------------------------------------------
  logic [GroupBits-1:0] group;
  logic [KxBits-1:0] kx;
  logic [OyBits-1:0] oy;
  logic signed [ColBits-1:0] col;
  logic signed [RowBits-1:0] row;
  logic [SlotBits-1:0] slot;
  logic [PosBits-1:0] frame;
  logic [AddrBits-1:0] offset;
  logic [BankBits-1:0] bank;
  logic last_group, last_kx, last_ky, next_last_ox, row_end, last_oy;

  bnn_window_walk #(
      .Groups   (Groups),
      .KernelH  (KernelH),
      .KernelW  (KernelW),
      .OfmGroups(OfmGroups),
      .OfmHeight(OfmHeight),
      .ColStep  (ColStep),
      .StrideH  (StrideH),
      .PadTop   (PadTop),
      .PadLeft  (PadLeft),
      .UsedRows (UsedRows),
      .NumRows  (NumRows),
      .GroupBits(GroupBits),
      .KxBits   (KxBits),
      .OyBits   (OyBits),
      .ColBits  (ColBits),
      .RowBits  (RowBits),
      .SlotBits (SlotBits),
      .PosBits  (PosBits)
  ) u_walk (
      .clk_i,
      .rst_ni,
      .step_i,
      .group_o       (group),
      .kx_o          (kx),
      .oy_o          (oy),
      .col_o         (col),
      .row_o         (row),
      .slot_o        (slot),
      .frame_o       (frame),
      .last_group_o  (last_group),
      .last_kx_o     (last_kx),
      .last_ky_o     (last_ky),
      .next_last_ox_o(next_last_ox),
      .row_end_o     (row_end),
      .last_oy_o     (last_oy)
  );

  bnn_window_offset #(
      .Groups   (Groups),
      .OfmGroups(OfmGroups),
      .ColStep  (ColStep),
      .PadLeft  (PadLeft),
      .Banks    (Banks),
      .BankBits (BankBits),
      .GroupBits(GroupBits),
      .ColBits  (ColBits),
      .AddrBits (AddrBits)
  ) u_offset (
      .clk_i,
      .rst_ni,
      .step_i,
      .group_i       (group),
      .col_i         (col),
      .last_group_i  (last_group),
      .last_kx_i     (last_kx),
      .last_ky_i     (last_ky),
      .next_last_ox_i(next_last_ox),
      .bank_o        (bank),
      .offset_o      (offset)
  );

  // ---- sides --------------------------------------------------------------------------------
  // Rows given back before output row `y`: those below its window.
  function automatic int unsigned rows_done(input int y);
    rows_done = (unsigned'(y) * StrideH > PadTop) ? unsigned'(y) * StrideH - PadTop : 0;
  endfunction

  localparam logic signed [RowBits-1:0] Bottom = RowBits'(IfmHeight);

  logic [PixelsOut-1:0] left, right;  // pixels beyond the edge
  logic [FreeBits-1:0] frees;

  for (genvar m = 0; m < PixelsOut; m++) begin : gen_side
    localparam logic signed [ColBits-1:0] Before = -(ColBits'(m));
    localparam logic signed [ColBits-1:0] Behind = ColBits'(IfmWidth) - ColBits'(m);
    assign left[m]  = PadLeft > 0 && col < Before;
    assign right[m] = PadRight > 0 && col >= Behind;
  end

  always_comb begin
    frees = FreeBits'(StrideH);
    for (int y = 0; y < RampRows; y++) begin
      if (oy == OyBits'(y)) frees = FreeBits'(rows_done(y + 1) - rows_done(y));
    end
    if (last_oy) frees = FreeBits'(UsedRows - LastFirst);
  end

  logic sides_valid_q, side_above_q, side_below_q, side_all_q;
  logic [PixelsOut-1:0] side_col_q;
  logic [ColBits-1:0] side_last_q;  // column of the last pixel
  logic [PosBits-1:0] side_pos_q;
  logic [SlotBits-1:0] side_slot_q;
  logic [AddrBits-1:0] side_offset_q;
  logic [ShiftBits-1:0] side_shift_q;
  logic [FreeBits-1:0] side_freed_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) sides_valid_q <= 1'b0;
    else if (step_i) sides_valid_q <= 1'b1;
    if (step_i) begin
      side_above_q <= PadTop > 0 && row < 0;
      side_below_q <= PadBottom > 0 && row >= Bottom;
      side_col_q <= left | right;
      side_all_q <= left[PixelsOut-1] || right[0];
      side_last_q <= $unsigned(col) + ColBits'(PixelsOut - 1);
      side_pos_q <= frame + ((PadTop > 0 && row < 0) ? '0 : PosBits'($unsigned(row)));
      side_slot_q <= slot;
      side_offset_q <= offset;
      side_shift_q <= ByKernel ? ShiftBits'(kx) : ShiftBits'(bank);
      side_freed_q <= row_end ? frees : '0;
    end
  end

  // ---- request ------------------------------------------------------------------------------
  logic valid_q, outside;
  logic [AddrBits-1:0] slot_addr, next_slot_addr, addr_q, next_addr_q;
  logic [ShiftBits-1:0] shift_q;
  logic [PixelsOut-1:0] pad_q;
  logic [PosBits-1:0] row_q;
  logic [HaveBits-1:0] col_q;
  logic [FreeBits-1:0] freed_q;

  always_comb begin
    slot_addr = '0;
    next_slot_addr = AddrBits'(Groups);
    for (int unsigned s = 0; s < NumRows; s++) begin
      if (side_slot_q == SlotBits'(s)) begin
        slot_addr = AddrBits'(s * RowDepth);
        next_slot_addr = AddrBits'(s * RowDepth + Groups);
      end
    end
  end
  // Which of these matter depends on the geometry.
  logic unused;
  assign unused = &{1'b0, kx, oy, bank, row, side_last_q, left, right};

  assign outside = side_above_q || side_below_q || side_all_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (step_i) valid_q <= sides_valid_q;
    if (step_i) begin
      addr_q <= slot_addr + side_offset_q;
      next_addr_q <= next_slot_addr + side_offset_q;
      shift_q <= side_shift_q;
      pad_q <= side_col_q | {PixelsOut{side_above_q || side_below_q}};
      // Below the map: the row before it in the same window is the last one.
      if (!side_below_q) row_q <= side_pos_q;
      col_q <= outside ? '0 : side_col_q[PixelsOut-1] ? HaveBits'(IfmWidth - 1)
          : HaveBits'(side_last_q);
      freed_q <= side_freed_q;
    end
  end

  assign valid_o = valid_q;
  assign addr_o = addr_q;
  assign next_addr_o = next_addr_q;
  assign shift_o = shift_q;
  assign pad_o = pad_q;
  assign row_o = row_q;
  assign col_o = col_q;
  assign freed_o = freed_q;
endmodule
