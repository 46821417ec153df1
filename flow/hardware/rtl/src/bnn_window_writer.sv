// Role: the writing side of bnn_window_buffer: where each word goes, and when there is room.
// A row is taken when the ring has a free one; rows that no window reads are accepted and dropped.
// have_row_o, have_col_o: rows kept since reset modulo 2^PosBits, and whole columns (all channel
//                         groups of them) in the row after them.
// free rows: freed_i of them come back in every cycle.
module bnn_window_writer #(
    parameter int unsigned IfmHeight = 4,
    parameter int unsigned IfmWidth  = 4,
    parameter int unsigned Groups    = 2,
    parameter int unsigned PixelsIn  = 1,
    parameter int unsigned UsedRows  = 4,
    parameter int unsigned NumRows   = 5,
    parameter int unsigned MaxFree   = 5,
    parameter int unsigned Lines     = 1,  // words of PixelsIn columns across all banks
    parameter int unsigned Depth     = 40,
    parameter int unsigned AddrBits  = 6,
    parameter int unsigned HaveBits  = 2,
    parameter int unsigned PosBits   = 5,
    parameter int unsigned FreeBits  = 3
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                in_valid_i,
    output logic                in_ready_o,
    input  logic [FreeBits-1:0] freed_i,
    output logic [   Lines-1:0] write_o,
    output logic [AddrBits-1:0] addr_o,
    output logic [ PosBits-1:0] have_row_o,
    output logic [HaveBits-1:0] have_col_o
);
  localparam int unsigned GroupBits = $clog2(Groups + 1);
  localparam int unsigned RowBits = $clog2(IfmHeight + 1);
  localparam int unsigned Columns = IfmWidth / PixelsIn;
  localparam bit Drops = UsedRows < IfmHeight;

  // Counters of the beat; of the row after this one what is known about it.
  logic open_q, keep_q, next_keep_q, last_group_q, last_col_q, last_addr_q, take_q;
  logic line_end_q;  // the columns fill the banks, or end the row
  logic [GroupBits-1:0] group_q;
  logic [HaveBits-1:0] col_q;
  logic [RowBits-1:0] next_row_q, next_row_d;
  logic [Lines-1:0] line_q;  // one-hot
  logic [AddrBits-1:0] addr_q, addr_d, base_q;
  logic [PosBits-1:0] rows_q;
  logic [FreeBits-1:0] free_q;
  logic room_q;  // a row is free
  logic in_fire, col_end, row_end, turn, up, back, keep_coming, take_row, next_last_col;

  assign in_ready_o = open_q;
  assign in_fire = in_valid_i && open_q;
  assign col_end = in_fire && last_group_q;
  assign row_end = col_end && last_col_q;
  // row_end || !open_q; not in terms of in_fire, or yosys hangs both on one long path.
  assign turn = !open_q || (in_valid_i && last_group_q && last_col_q);
  assign up = last_group_q && line_end_q;
  assign next_last_col = Columns == 1 || col_q == HaveBits'(IfmWidth - 2 * PixelsIn);

  assign back = last_group_q && !line_end_q;
  // The choice comes before the sum: what follows a carry chain makes a path long.
  assign addr_d = (back ? base_q : last_addr_q ? '0 : addr_q)
      + AddrBits'(!back && !last_addr_q);

  assign next_row_d = (next_row_q == RowBits'(IfmHeight - 1)) ? '0 : next_row_q + 1'b1;
  assign keep_coming = !Drops || (open_q ? next_keep_q : keep_q);
  assign take_row = turn && keep_coming && room_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      open_q <= 1'b0;
      keep_q <= 1'b1;
      next_keep_q <= UsedRows > 1 || IfmHeight == 1;
      next_row_q <= RowBits'(IfmHeight > 1);
      group_q <= '0;
      last_group_q <= Groups == 1;
      col_q <= '0;
      last_col_q <= Columns == 1;
      line_q <= Lines'(1);
      line_end_q <= Lines == 1 || Columns == 1;
      addr_q <= '0;
      last_addr_q <= 1'b0;
      base_q <= '0;
      rows_q <= '0;
      take_q <= 1'b0;
      room_q <= 1'b0;
      free_q <= FreeBits'(NumRows);
    end else begin
      if (turn) open_q <= !keep_coming || room_q;
      if (row_end) begin
        keep_q <= next_keep_q;
        next_row_q <= next_row_d;
        next_keep_q <= !Drops || next_row_d < RowBits'(UsedRows);
        if (keep_q) rows_q <= rows_q + 1'b1;
      end
      if (in_fire) begin
        group_q <= (last_group_q ? '0 : group_q) + GroupBits'(!last_group_q);
        last_group_q <= Groups == 1 || group_q == GroupBits'(Groups - 2);
      end
      if (col_end) begin
        col_q <= last_col_q ? '0 : col_q + HaveBits'(PixelsIn);
        last_col_q <= next_last_col;
        line_end_q <= Lines == 1 || Columns == 1
            || (!last_col_q && (line_q[(Lines+Lines-2)%Lines] || next_last_col));
        line_q <= last_col_q ? Lines'(1) : (line_q << 1) | (line_q >> (Lines - 1));
      end
      if (in_fire && keep_q) begin
        addr_q <= addr_d;
        // With one channel group the word does not change until all banks are full.
        if (Groups > 1 || up) last_addr_q <= addr_q == AddrBits'(Depth - 2);
        if (up) base_q <= addr_d;
      end
      take_q <= take_row;
      // free_q does not know yet of a row taken in the last cycle.
      room_q <= (take_q ? free_q > FreeBits'(2) : free_q > FreeBits'(1))
          || ((take_q ? free_q > FreeBits'(1) : free_q != '0) && !take_row);
      free_q <= free_q - FreeBits'(take_q) + freed_i;
    end
  end

  assign write_o = line_q & {Lines{in_fire && keep_q}};
  assign addr_o = addr_q;
  assign have_row_o = rows_q;
  assign have_col_o = keep_q ? col_q : '0;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni && 32'(free_q) + 32'(freed_i) > MaxFree)
      $fatal(1, "%m: more free rows than %0d", MaxFree);
  end
`endif
endmodule
