// Role: counts the beats of bnn_window_request: where each one's first pixel lies.
// Order: output row, group of output pixels, kernel row, kernel column, channel group.
// Columns and rows are those of the feature map: negative ones are padding. slot_o is the row's
// place in the ring, frame_o the number of the frame's first row since reset, modulo 2^PosBits.
// How: registers hold what comes next, last flags and bases of windows included, so that no path
//      is long. A beat a cycle with step_i.
module bnn_window_walk #(
    parameter int unsigned Groups    = 2,
    parameter int unsigned KernelH   = 3,
    parameter int unsigned KernelW   = 3,
    parameter int unsigned OfmGroups = 2,  // groups of output pixels in a row
    parameter int unsigned OfmHeight = 2,
    parameter int unsigned ColStep   = 1,  // columns from one of them to the next
    parameter int unsigned StrideH   = 1,
    parameter int unsigned PadTop    = 0,
    parameter int unsigned PadLeft   = 0,
    parameter int unsigned UsedRows  = 4,  // rows of a frame that any window reads
    parameter int unsigned NumRows   = 5,  // rows in the ring
    parameter int unsigned GroupBits = 2,
    parameter int unsigned KxBits    = 2,
    parameter int unsigned OyBits    = 2,
    parameter int unsigned ColBits   = 4,
    parameter int unsigned RowBits   = 4,
    parameter int unsigned SlotBits  = 3,
    parameter int unsigned PosBits   = 5
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 step_i,
    output logic [GroupBits-1:0] group_o,
    output logic [   KxBits-1:0] kx_o,
    output logic [   OyBits-1:0] oy_o,
    output logic [  ColBits-1:0] col_o,
    output logic [  RowBits-1:0] row_o,
    output logic [ SlotBits-1:0] slot_o,
    output logic [  PosBits-1:0] frame_o,
    output logic                 last_group_o,
    output logic                 last_kx_o,
    output logic                 last_ky_o,
    output logic                 next_last_ox_o,  // the next window is the last of its row
    output logic                 row_end_o,       // last beat of an output row
    output logic                 last_oy_o
);
  localparam int unsigned KyBits = $clog2(KernelH + 1);
  localparam int unsigned OxBits = $clog2(OfmGroups + 1);

  typedef logic [ColBits-1:0] col_t;
  typedef logic [RowBits-1:0] row_t;
  typedef logic [SlotBits-1:0] slot_t;

  localparam int unsigned LastBase = (OfmHeight - 1) * StrideH;
  localparam int unsigned StepSlots = StrideH % NumRows;
  localparam int unsigned SeamSlots = (LastBase / NumRows * NumRows + NumRows + UsedRows - LastBase)
      % NumRows;
  localparam int unsigned StartSlot = (NumRows - PadTop) % NumRows;
  localparam int unsigned SecondSlot = (StartSlot + ((OfmHeight == 1) ? SeamSlots : StepSlots))
      % NumRows;
  localparam col_t StartCol = -(col_t'(PadLeft));
  localparam row_t StartRow = -(row_t'(PadTop));

  function automatic slot_t slot_add(input slot_t slot, input int unsigned step);
    slot_add = (slot >= slot_t'(NumRows - step)) ? slot - slot_t'(NumRows - step)
        : slot + slot_t'(step);
  endfunction

  // ---- counters: of the beat, and of the window and the output row after it -----------------
  logic [GroupBits-1:0] group_q;
  logic [KxBits-1:0] kx_q, kx_d;
  logic [KyBits-1:0] ky_q, ky_d;
  logic [OxBits-1:0] next_ox_q;
  logic [OyBits-1:0] oy_q, next_oy_q;
  logic last_group_q, last_kx_q, last_ky_q, last_ox_q, last_oy_q, next_last_ox_q, next_last_oy_q;
  logic last_run_q, last_in_row_q;  // last kernel row and column; and of the last window of a row
  logic last_kx_d, last_ky_d, last_ox_d;
  logic run_end, window_end, row_end;

  assign run_end = last_group_q && last_kx_q;
  assign window_end = last_group_q && last_run_q;
  assign row_end = last_group_q && last_in_row_q;

  // Tables, not sums: few bits need no carry chain, and flags derived from one make a path long.
  always_comb begin
    kx_d = '0;
    for (int unsigned x = 0; x + 1 < KernelW; x++) begin
      if (kx_q == KxBits'(x)) kx_d = KxBits'(x + 1);
    end
    ky_d = '0;
    for (int unsigned y = 0; y + 1 < KernelH; y++) begin
      if (ky_q == KyBits'(y)) ky_d = KyBits'(y + 1);
    end
  end

  // After the pixel's last channel group.
  assign last_kx_d = KernelW == 1 || kx_q == KxBits'(KernelW - 2);
  assign last_ky_d = last_kx_q ? (KernelH == 1 || ky_q == KyBits'(KernelH - 2)) : last_ky_q;
  assign last_ox_d = last_run_q ? next_last_ox_q : last_ox_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      group_q <= '0;
      kx_q <= '0;
      ky_q <= '0;
      next_ox_q <= OxBits'(OfmGroups > 1);
      oy_q <= '0;
      next_oy_q <= OyBits'(OfmHeight > 1);
      last_group_q <= Groups == 1;
      last_kx_q <= KernelW == 1;
      last_ky_q <= KernelH == 1;
      last_ox_q <= OfmGroups == 1;
      last_run_q <= KernelW == 1 && KernelH == 1;
      last_in_row_q <= KernelW == 1 && KernelH == 1 && OfmGroups == 1;
      last_oy_q <= OfmHeight == 1;
      next_last_ox_q <= OfmGroups <= 2;
      next_last_oy_q <= OfmHeight <= 2;
    end else if (step_i) begin
      group_q <= (last_group_q ? '0 : group_q) + GroupBits'(!last_group_q);
      last_group_q <= Groups == 1 || group_q == GroupBits'(Groups - 2);
      if (last_group_q) begin
        kx_q <= kx_d;
        last_kx_q <= last_kx_d;
        last_ky_q <= last_ky_d;
        last_ox_q <= last_ox_d;
        last_run_q <= last_kx_d && last_ky_d;
        // The window changes with every pixel only where the kernel is a single one.
        last_in_row_q <= last_kx_d && last_ky_d
            && ((KernelW * KernelH == 1) ? next_last_ox_q : last_ox_q);
      end
      if (run_end) ky_q <= ky_d;
      if (window_end) begin
        next_ox_q <= (next_last_ox_q ? '0 : next_ox_q) + OxBits'(!next_last_ox_q);
        next_last_ox_q <= OfmGroups == 1 || next_ox_q == OxBits'(OfmGroups - 2);
      end
      if (row_end) begin
        oy_q <= next_oy_q;
        next_oy_q <= (next_last_oy_q ? '0 : next_oy_q) + OyBits'(!next_last_oy_q);
        next_last_oy_q <= OfmHeight == 1 || next_oy_q == OyBits'(OfmHeight - 2);
        last_oy_q <= next_last_oy_q;
      end
    end
  end

  // ---- places: of the beat, of its window, and of the next window or output row --------------
  col_t col_q, base_col_q, next_col_q;
  row_t row_q, base_row_q, next_row_q;
  slot_t slot_q, base_slot_q, next_slot_q;
  logic [PosBits-1:0] frame_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      col_q <= StartCol;
      base_col_q <= StartCol;
      next_col_q <= (OfmGroups == 1) ? StartCol : StartCol + col_t'(ColStep);
      row_q <= StartRow;
      base_row_q <= StartRow;
      next_row_q <= (OfmHeight == 1) ? StartRow : StartRow + row_t'(StrideH);
      slot_q <= slot_t'(StartSlot);
      base_slot_q <= slot_t'(StartSlot);
      next_slot_q <= slot_t'(SecondSlot);
      frame_q <= '0;
    end else if (step_i) begin
      // The choice comes before the sum: what follows a carry chain makes a path long.
      if (last_group_q) begin
        col_q <= (!last_kx_q ? col_q : last_ky_q ? next_col_q : base_col_q) + col_t'(!last_kx_q);
      end
      if (run_end) begin
        row_q  <= (!last_ky_q ? row_q : last_ox_q ? next_row_q : base_row_q) + row_t'(!last_ky_q);
        slot_q <= !last_ky_q ? slot_add(slot_q, 1) : last_ox_q ? next_slot_q : base_slot_q;
      end
      if (window_end) begin
        base_col_q <= next_col_q;
        next_col_q <= next_last_ox_q ? StartCol : next_col_q + col_t'(ColStep);
      end
      if (row_end) begin
        base_row_q <= next_row_q;
        next_row_q <= next_last_oy_q ? StartRow : next_row_q + row_t'(StrideH);
        base_slot_q <= next_slot_q;
        next_slot_q <= next_last_oy_q ? slot_add(next_slot_q, SeamSlots)
            : slot_add(next_slot_q, StepSlots);
        if (last_oy_q) frame_q <= frame_q + PosBits'(UsedRows);
      end
    end
  end

  assign group_o = group_q;
  assign kx_o = kx_q;
  assign oy_o = oy_q;
  assign col_o = col_q;
  assign row_o = row_q;
  assign slot_o = slot_q;
  assign frame_o = frame_q;
  assign last_group_o = last_group_q;
  assign last_kx_o = last_kx_q;
  assign last_ky_o = last_ky_q;
  assign next_last_ox_o = next_last_ox_q;
  assign row_end_o = row_end;
  assign last_oy_o = last_oy_q;
endmodule
