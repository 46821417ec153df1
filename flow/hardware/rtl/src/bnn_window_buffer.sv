// Role: the row ring of bnn_sliding_window: writer, reader and the banks between them.
// Banks: column c of the map lies in bank c mod Banks; PixelsIn columns are written and PixelsOut
//        are read at once, the latter from any first column.
// Pipeline of the reader: request (bnn_window_request) -> read (addresses; waits for the words to
// have been written) -> banks -> turned into order (only where there are several).
// A beat may be read two cycles after its last word was written. out_data_o is stale for pixels
// whose out_pad_o is set. Internal: no register between out_ready_i and the reader, and valid
// moves with ready alone; bnn_sliding_window puts a stream register there.
module bnn_window_buffer #(
    parameter int unsigned IfmHeight = 4,
    parameter int unsigned IfmWidth  = 4,
    parameter int unsigned Groups    = 2,
    parameter int unsigned Width     = 1,   // of one pixel's word
    parameter int unsigned PixelsIn  = 1,
    parameter int unsigned PixelsOut = 1,
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
    input  logic                       clk_i,
    input  logic                       rst_ni,
    input  logic                       in_valid_i,
    output logic                       in_ready_o,
    input  logic [ PixelsIn*Width-1:0] in_data_i,
    output logic                       out_valid_o,
    input  logic                       out_ready_i,
    output logic [PixelsOut*Width-1:0] out_data_o,
    output logic [      PixelsOut-1:0] out_pad_o
);
  // Shape of the frame: which rows any window uses, and how many must be held at once.
  localparam int unsigned OfmHeight = (IfmHeight + PadTop + PadBottom - KernelH) / StrideH + 1;
  localparam int unsigned OfmWidth = (IfmWidth + PadLeft + PadRight - KernelW) / StrideW + 1;
  localparam int unsigned LastBase = (OfmHeight - 1) * StrideH;
  localparam int unsigned LastEnd = LastBase + KernelH - PadTop;
  localparam int unsigned UsedRows = (LastEnd < IfmHeight) ? LastEnd : IfmHeight;
  localparam int unsigned FirstEnd = KernelH - PadTop;
  localparam int unsigned FirstRows = (FirstEnd < IfmHeight) ? FirstEnd : IfmHeight;
  localparam int unsigned LastFirst = (LastBase > PadTop) ? LastBase - PadTop : 0;
  localparam int unsigned SeamRows = UsedRows - LastFirst + FirstRows;
  localparam int unsigned StepRows = KernelH + StrideH;
  // Short rows need some spare ones to cover the cycles that a freed row takes to be seen, and
  // those in which a column waits for its last channel group.
  localparam int unsigned RowBeats = IfmWidth / PixelsIn * Groups;
  localparam int unsigned SpareRows = (15 + Groups + RowBeats - 1) / RowBeats;
  localparam int unsigned NumRows = ((SeamRows > StepRows) ? SeamRows : StepRows) + SpareRows;

  localparam int unsigned Lines = (PixelsOut + PixelsIn - 1) / PixelsIn;
  localparam int unsigned Banks = Lines * PixelsIn;
  localparam int unsigned RowDepth = (IfmWidth + Banks - 1) / Banks * Groups;
  localparam int unsigned Depth = NumRows * RowDepth;
  // A kernel column always begins in the same bank: fewer orders to turn the banks into.
  localparam bit ByKernel = Banks > 1 && Banks == PixelsOut && KernelW < Banks;
  localparam int unsigned Shifts = ByKernel ? KernelW : Banks;
  localparam int unsigned ShiftBits = (Shifts > 1) ? $clog2(Shifts) : 1;

`ifdef YOSYS  // which would spread a deep memory over LUTs, and read it through too many levels
  localparam Style = (Depth > 512) ? "block" : RamStyle;
`else
  localparam Style = RamStyle;
`endif

  localparam int unsigned AddrBits = $clog2(Depth);
  localparam int unsigned HaveBits = (IfmWidth > 1) ? $clog2(IfmWidth) : 1;
  // Rows apart that a request and what is written can be, and a sign.
  localparam int unsigned PosBits = $clog2(NumRows + StrideH + 2) + 1;
  // Rows that a wide stride skips are given back before they are written.
  localparam int unsigned MaxFree = NumRows + ((StrideH > KernelH) ? StrideH - KernelH : 0);
  localparam int unsigned FreeBits = $clog2(MaxFree + 1);

  // ---- writer -------------------------------------------------------------------------------
  logic [Lines-1:0] wr_line;
  logic [AddrBits-1:0] wr_addr;
  logic [PosBits-1:0] have_row;
  logic [HaveBits-1:0] have_col;
  logic [FreeBits-1:0] freed_q;

  bnn_window_writer #(
      .IfmHeight(IfmHeight),
      .IfmWidth (IfmWidth),
      .Groups   (Groups),
      .PixelsIn (PixelsIn),
      .UsedRows (UsedRows),
      .NumRows  (NumRows),
      .MaxFree  (MaxFree),
      .Lines    (Lines),
      .Depth    (Depth),
      .AddrBits (AddrBits),
      .HaveBits (HaveBits),
      .PosBits  (PosBits),
      .FreeBits (FreeBits)
  ) u_writer (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .freed_i   (freed_q),
      .write_o   (wr_line),
      .addr_o    (wr_addr),
      .have_row_o(have_row),
      .have_col_o(have_col)
  );

  // ---- reader: request ----------------------------------------------------------------------
  logic req_valid, step;
  logic [AddrBits-1:0] req_addr, req_next_addr;
  logic [ShiftBits-1:0] req_shift;
  logic [PixelsOut-1:0] req_pad;
  logic [PosBits-1:0] req_row;
  logic [HaveBits-1:0] req_col;
  logic [FreeBits-1:0] req_freed;

  bnn_window_request #(
      .IfmHeight(IfmHeight),
      .IfmWidth (IfmWidth),
      .OfmHeight(OfmHeight),
      .OfmGroups(OfmWidth / PixelsOut),
      .Groups   (Groups),
      .PixelsOut(PixelsOut),
      .KernelH  (KernelH),
      .KernelW  (KernelW),
      .StrideH  (StrideH),
      .ColStep  (PixelsOut * StrideW),
      .PadTop   (PadTop),
      .PadBottom(PadBottom),
      .PadLeft  (PadLeft),
      .PadRight (PadRight),
      .UsedRows (UsedRows),
      .NumRows  (NumRows),
      .RowDepth (RowDepth),
      .Banks    (Banks),
      .ByKernel (ByKernel),
      .AddrBits (AddrBits),
      .HaveBits (HaveBits),
      .PosBits  (PosBits),
      .ShiftBits(ShiftBits),
      .FreeBits (FreeBits)
  ) u_request (
      .clk_i,
      .rst_ni,
      .step_i     (step),
      .valid_o    (req_valid),
      .addr_o     (req_addr),
      .next_addr_o(req_next_addr),
      .shift_o    (req_shift),
      .pad_o      (req_pad),
      .row_o      (req_row),
      .col_o      (req_col),
      .freed_o    (req_freed)
  );

  // ---- reader: read -------------------------------------------------------------------------
  logic read_valid_q, written_q, data_valid_q;
  logic [ShiftBits-1:0] read_shift_q;
  logic [PixelsOut-1:0] read_pad_q, data_pad_q;
  logic [PosBits-1:0] read_row_q;
  logic [HaveBits-1:0] read_col_q;
  logic [FreeBits-1:0] read_freed_q;
  logic [PosBits+HaveBits-1:0] distance;
  logic [Banks*Width-1:0] data_q;

  // One comparison serves two: it looks at the next beat unless this one is still to be written.
  // have - needed - 1, not negative: what is complemented and added costs no carry of its own.
  assign distance = {have_row, have_col}
      + ~(written_q ? {req_row, req_col} : {read_row_q, read_col_q});
  // What follows moves as one, gaps included, so that these are short: they move everything.
  assign step = written_q && out_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_valid_q <= 1'b0;
      written_q <= 1'b1;  // until the first request is here, so that it comes
      data_valid_q <= 1'b0;
      freed_q <= '0;
    end else begin
      if (step) read_valid_q <= req_valid;
      written_q <= !distance[PosBits+HaveBits-1] || !req_valid || (written_q && !out_ready_i);
      if (out_ready_i) data_valid_q <= written_q && read_valid_q;
      freed_q <= (step && read_valid_q) ? read_freed_q : '0;
    end
    if (step) begin
      read_shift_q <= req_shift;
      read_pad_q <= req_pad;
      read_row_q <= req_row;
      read_col_q <= req_col;
      read_freed_q <= req_freed;
    end
    if (step) data_pad_q <= read_pad_q;
  end

  // Bank in which the first column lies.
  function automatic int unsigned first_bank(input int unsigned shift);
    first_bank = ByKernel ? (shift + PadLeft * (Banks - 1)) % Banks : shift;
  endfunction

  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    (* ram_style = Style *)
    logic [Width-1:0] mem[Depth];
    logic [AddrBits-1:0] addr_q;
    logic up;  // its column is in the next Banks

    always_comb begin
      up = 1'b0;
      for (int unsigned s = 0; s < Shifts; s++) begin
        if (req_shift == ShiftBits'(s)) up = b < first_bank(s);
      end
    end

    always_ff @(posedge clk_i) begin
      // A reset, lest the last stages become a shift register, whose output comes late.
      if (!rst_ni) addr_q <= '0;
      else if (step) addr_q <= up ? req_next_addr : req_addr;
      if (wr_line[b/PixelsIn]) mem[wr_addr] <= in_data_i[b%PixelsIn*Width+:Width];
      if (step) data_q[b*Width+:Width] <= mem[addr_q];
    end
  end

  // ---- reader: order ------------------------------------------------------------------------
  if (Banks == 1) begin : gen_in_order
    assign out_valid_o = data_valid_q;
    assign out_pad_o   = data_pad_q;
    assign out_data_o  = data_q;

    logic unused;
    assign unused = &{1'b0, read_shift_q};
  end else begin : gen_turn
    logic [ShiftBits-1:0] data_shift_q;
    logic valid_q;
    logic [PixelsOut-1:0] pad_q;
    logic [PixelsOut*Width-1:0] turned, turned_q;

    for (genvar m = 0; m < PixelsOut; m++) begin : gen_pixel
      logic [(1<<ShiftBits)*Width-1:0] choices;
      for (genvar s = 0; s < (1 << ShiftBits); s++) begin : gen_shift
        localparam int unsigned Bank = (m + first_bank((s < Shifts) ? s : 0)) % Banks;
        assign choices[s*Width+:Width] = data_q[Bank*Width+:Width];
      end
      bnn_window_choice #(
          .Width     (Width),
          .IndexBits (ShiftBits)
      ) u_choice (
          .choices_i(choices),
          .index_i  (data_shift_q),
          .word_o   (turned[m*Width+:Width])
      );
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_q <= 1'b0;
      else if (out_ready_i) valid_q <= data_valid_q;
      if (step) data_shift_q <= read_shift_q;
      if (out_ready_i) begin
        pad_q <= data_pad_q;
        turned_q <= turned;
      end
    end
    assign out_valid_o = valid_q;
    assign out_pad_o   = pad_q;
    assign out_data_o  = turned_q;
  end

`ifndef SYNTHESIS
  for (genvar b = 0; b < Banks; b++) begin : gen_check
    always_ff @(posedge clk_i) begin
      if (rst_ni && step && read_valid_q && read_pad_q == '0 && Banks == 1
          && 32'(gen_bank[b].addr_q) >= Depth)
        $fatal(1, "%m: address %0d outside of %0d words", gen_bank[b].addr_q, Depth);
    end
  end
`endif
endmodule
