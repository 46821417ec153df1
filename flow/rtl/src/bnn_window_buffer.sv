// Role: the row ring of bnn_sliding_window: writer, reader and the memory between them.
// Words: one word is one channel group of one pixel; a row is RowWords of them. Rows are counted
//        within the frame the reader is in (signed: negative ones are padding, or not begun).
// Pipeline of the reader: walk (which word is next) -> request (address; waits for the word to
//        have been written) -> read (memory register).
// out_data_o is stale when out_pad_o is set. Internal: no register between out_ready_i and the
// reader; bnn_sliding_window puts one there.
module bnn_window_buffer #(
    parameter int unsigned IfmHeight = 4,
    parameter int unsigned IfmWidth  = 4,
    parameter int unsigned Groups    = 2,
    parameter int unsigned Width     = 1,
    parameter int unsigned KernelH   = 3,
    parameter int unsigned KernelW   = 3,
    parameter int unsigned StrideH   = 1,
    parameter int unsigned StrideW   = 1,
    parameter int unsigned PadTop    = 0,
    parameter int unsigned PadBottom = 0,
    parameter int unsigned PadLeft   = 0,
    parameter int unsigned PadRight  = 0,
    parameter              RamStyle  = "auto"
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             in_valid_i,
    output logic             in_ready_o,
    input  logic [Width-1:0] in_data_i,
    output logic             out_valid_o,
    input  logic             out_ready_i,
    output logic [Width-1:0] out_data_o,
    output logic             out_pad_o
);
  // Shape of the frame: which rows any window uses, and how many must be held at once.
  localparam int unsigned OfmHeight = (IfmHeight + PadTop + PadBottom - KernelH) / StrideH + 1;
  localparam int unsigned OfmWidth = (IfmWidth + PadLeft + PadRight - KernelW) / StrideW + 1;
  localparam int unsigned RowWords = IfmWidth * Groups;
  localparam int unsigned RunWords = KernelW * Groups;
  localparam int unsigned LastBase = (OfmHeight - 1) * StrideH;
  localparam int unsigned LastEnd = LastBase + KernelH - PadTop;
  localparam int unsigned UsedRows = (LastEnd < IfmHeight) ? LastEnd : IfmHeight;
  localparam int unsigned FirstEnd = KernelH - PadTop;
  localparam int unsigned FirstRows = (FirstEnd < IfmHeight) ? FirstEnd : IfmHeight;
  localparam int unsigned LastFirst = (LastBase > PadTop) ? LastBase - PadTop : 0;
  // Output rows that start in the padding.
  localparam int RampRows = (PadTop + StrideH - 1) / StrideH;
  localparam int unsigned SeamRows = UsedRows - LastFirst + FirstRows;
  localparam int unsigned StepRows = KernelH + StrideH;
  // Short rows need some spare ones to cover the cycles that a freed row takes to be seen.
  localparam int unsigned SpareRows = (16 + RowWords - 1) / RowWords;
  localparam int unsigned NumRows = ((SeamRows > StepRows) ? SeamRows : StepRows) + SpareRows;
  localparam int unsigned Depth = NumRows * RowWords;

  localparam int unsigned AddrBits = $clog2(Depth);
  localparam int unsigned ColBits = $clog2(RowWords + (PadLeft + PadRight + StrideW) * Groups) + 2;
  localparam int unsigned RowBits = $clog2(IfmHeight + PadTop + PadBottom + NumRows + StrideH) + 2;
  localparam int unsigned SlotBits = $clog2(NumRows);
  // Rows that a wide stride skips are given back before they are written.
  localparam int unsigned MaxFree = NumRows + ((StrideH > KernelH) ? StrideH - KernelH : 0);
  localparam int unsigned FreeBits = $clog2(MaxFree + 1);
  localparam int unsigned HaveBits = $clog2(RowWords + 1);
  localparam int unsigned IfmRowBits = $clog2(IfmHeight + 1);
  localparam int unsigned RunBits = $clog2(RunWords + 1);
  localparam int unsigned KyBits = $clog2(KernelH + 1);
  localparam int unsigned OxBits = $clog2(OfmWidth + 1);
  localparam int unsigned OyBits = $clog2(OfmHeight + 1);

  localparam logic [SlotBits-1:0] StartSlot = SlotBits'((NumRows - PadTop) % NumRows);
  localparam int unsigned StepSlots = StrideH % NumRows;
  localparam int unsigned SeamSlots = (LastBase / NumRows * NumRows + NumRows + UsedRows - LastBase)
      % NumRows;
  localparam logic signed [ColBits-1:0] StartCol = -(ColBits'(PadLeft * Groups));
  localparam logic signed [RowBits-1:0] StartRow = -(RowBits'(PadTop));

  typedef logic [SlotBits-1:0] slot_t;

  function automatic slot_t slot_add(input slot_t slot, input int unsigned step);
    slot_add = (slot >= slot_t'(NumRows - step)) ? slot - slot_t'(NumRows - step)
        : slot + slot_t'(step);
  endfunction

  // Rows given back after output row `oy`: those below the next window's first row.
  function automatic int unsigned rows_done(input int oy);
    rows_done = (unsigned'(oy) * StrideH > PadTop) ? unsigned'(oy) * StrideH - PadTop : 0;
  endfunction

  (* ram_style = RamStyle *)
  logic [Width-1:0] mem[Depth];

  // ---- writer -------------------------------------------------------------------------------
  logic open_q, keep_q, keep_d, in_fire, row_end, take_row;
  logic [IfmRowBits-1:0] wr_row_q, wr_row_d;
  logic [HaveBits-1:0] wr_col_q, have_q;
  logic [AddrBits-1:0] wr_addr_q;
  logic [FreeBits-1:0] free_q, freed;

  assign in_ready_o = open_q;
  assign in_fire = in_valid_i && open_q;
  assign row_end = in_fire && wr_col_q == HaveBits'(RowWords - 1);
  assign wr_row_d = !row_end ? wr_row_q
      : (wr_row_q == IfmRowBits'(IfmHeight - 1)) ? '0 : wr_row_q + 1'b1;
  // Rows below the last window are taken and dropped.
  assign keep_d = wr_row_d < IfmRowBits'(UsedRows);
  assign take_row = (row_end || !open_q) && keep_d && free_q != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      open_q <= 1'b0;
      keep_q <= 1'b1;
      wr_row_q <= '0;
      wr_col_q <= '0;
      have_q <= '0;
      wr_addr_q <= '0;
      free_q <= FreeBits'(NumRows);
    end else begin
      if (row_end || !open_q) open_q <= take_row || !keep_d;
      keep_q <= keep_d;
      wr_row_q <= wr_row_d;
      if (in_fire) wr_col_q <= row_end ? '0 : wr_col_q + 1'b1;
      if (in_fire && keep_q) begin
        have_q <= row_end ? '0 : have_q + 1'b1;
        wr_addr_q <= (wr_addr_q == AddrBits'(Depth - 1)) ? '0 : wr_addr_q + 1'b1;
      end
      free_q <= free_q - FreeBits'(take_row) + freed;
    end
  end

  always_ff @(posedge clk_i) if (in_fire && keep_q) mem[wr_addr_q] <= in_data_i;

  // ---- reader: walk -------------------------------------------------------------------------
  logic walk;
  logic [RunBits-1:0] run_q;
  logic [KyBits-1:0] ky_q;
  logic [OxBits-1:0] ox_q;
  logic [OyBits-1:0] oy_q;
  logic signed [ColBits-1:0] col_q, base_col_q;
  logic signed [RowBits-1:0] row_q, base_row_q;
  slot_t slot_q, base_slot_q;
  logic last_run, last_ky, last_ox, last_oy;

  assign last_run = run_q == RunBits'(RunWords - 1);
  assign last_ky  = ky_q == KyBits'(KernelH - 1);
  assign last_ox  = ox_q == OxBits'(OfmWidth - 1);
  assign last_oy  = oy_q == OyBits'(OfmHeight - 1);

  slot_t next_slot;
  assign next_slot = last_oy ? slot_add(base_slot_q, SeamSlots) : slot_add(base_slot_q, StepSlots);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      run_q <= '0;
      ky_q <= '0;
      ox_q <= '0;
      oy_q <= '0;
      col_q <= StartCol;
      base_col_q <= StartCol;
      row_q <= StartRow;
      base_row_q <= StartRow;
      slot_q <= StartSlot;
      base_slot_q <= StartSlot;
    end else if (walk) begin
      run_q <= last_run ? '0 : run_q + 1'b1;
      col_q <= col_q + 1'b1;
      if (last_run) begin
        ky_q   <= last_ky ? '0 : ky_q + 1'b1;
        row_q  <= last_ky ? base_row_q : row_q + 1'b1;
        slot_q <= last_ky ? base_slot_q : slot_add(slot_q, 1);
        col_q  <= base_col_q;
        if (last_ky) begin
          ox_q <= last_ox ? '0 : ox_q + 1'b1;
          base_col_q <= last_ox ? StartCol : base_col_q + ColBits'(StrideW * Groups);
          col_q <= last_ox ? StartCol : base_col_q + ColBits'(StrideW * Groups);
          if (last_ox) begin
            oy_q <= last_oy ? '0 : oy_q + 1'b1;
            base_row_q <= last_oy ? StartRow : base_row_q + RowBits'(StrideH);
            row_q <= last_oy ? StartRow : base_row_q + RowBits'(StrideH);
            base_slot_q <= next_slot;
            slot_q <= next_slot;
          end
        end
      end
    end
  end

  // ---- reader: request ----------------------------------------------------------------------
  logic req_valid_q, req_pad_q, req_row_end_q, req_frame_end_q;
  logic [AddrBits-1:0] req_addr_q, slot_addr;
  logic [HaveBits-1:0] req_col_q;
  logic signed [RowBits-1:0] req_row_q, rows_q;
  logic [FreeBits-1:0] req_freed_q, row_frees;
  logic outside, written, read;

  always_comb begin
    slot_addr = '0;
    for (int unsigned s = 0; s < NumRows; s++) begin
      if (slot_q == slot_t'(s)) slot_addr = AddrBits'(s * RowWords);
    end
    row_frees = FreeBits'(StrideH);
    for (int oy = 0; oy < RampRows; oy++) begin
      if (oy_q == OyBits'(oy)) row_frees = FreeBits'(rows_done(oy + 1) - rows_done(oy));
    end
    if (last_oy) row_frees = FreeBits'(UsedRows - LastFirst);
  end

  assign outside = row_q < 0 || row_q >= $signed(RowBits'(IfmHeight))
      || col_q < 0 || col_q >= $signed(ColBits'(RowWords));
  assign walk = !req_valid_q || read;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      req_valid_q <= 1'b0;
      rows_q <= '0;
    end else begin
      req_valid_q <= 1'b1;
      rows_q <= rows_q + RowBits'(row_end && keep_q)
          - ((read && req_frame_end_q) ? RowBits'(UsedRows) : '0);
    end
    if (walk) begin
      req_addr_q <= slot_addr + AddrBits'($unsigned(col_q));
      req_pad_q <= outside;
      // A padding beat waits for the frame's first word: no beat of a frame precedes the frame.
      req_row_q <= outside ? '0 : row_q;
      req_col_q <= outside ? '0 : HaveBits'($unsigned(col_q));
      req_freed_q <= row_frees;
      req_row_end_q <= last_run && last_ky && last_ox;
      req_frame_end_q <= last_run && last_ky && last_ox && last_oy;
    end
  end

  // ---- reader: read -------------------------------------------------------------------------
  logic valid_q, pad_q;
  logic [Width-1:0] data_q;

  assign written = req_row_q < rows_q || (req_row_q == rows_q && req_col_q < have_q);
  assign read = req_valid_q && written && (!valid_q || out_ready_i);
  assign freed = (read && req_row_end_q) ? req_freed_q : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (!valid_q || out_ready_i) valid_q <= read;
    if (read) pad_q <= req_pad_q;
  end
  always_ff @(posedge clk_i) if (read) data_q <= mem[req_addr_q];

  assign out_valid_o = valid_q;
  assign out_pad_o = pad_q;
  assign out_data_o = data_q;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni && 32'(free_q) + 32'(freed) > MaxFree)
      $fatal(1, "%m: more free rows than %0d", MaxFree);
    if (rst_ni && read && !req_pad_q && 32'(req_addr_q) >= Depth)
      $fatal(1, "%m: address %0d outside of %0d words", req_addr_q, Depth);
  end
`endif
endmodule
