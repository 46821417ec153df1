// Role: CRC-32 of IEEE 802.3, as zlib computes it, over 32-bit words in little-endian byte order.
// How: a step over one word is linear, crc' = M (crc ^ word). M word is computed one cycle ahead,
//      so that the loop holds one row of M, 32 inputs at most: 2 LUT levels.
// Latency: crc_o covers a word 2 cycles after it. Throughput: 1 word a cycle.
module bnn_crc32 (
    input  logic        clk_i,
    input  logic        clear_i,  // begins a new sum, at least 2 cycles before its first word
    input  logic        valid_i,
    input  logic [31:0] data_i,
    output logic [31:0] crc_o
);
  localparam logic [31:0] Polynomial = 32'hEDB8_8320;

  // Bit 32 * r + c: whether bit c of the word changes bit r of the sum.
  function automatic logic [1023:0] matrix();
    logic [31:0] column;
    matrix = '0;
    for (int c = 0; c < 32; c++) begin
      column = 32'd1 << c;
      for (int k = 0; k < 32; k++) column = (column >> 1) ^ (column[0] ? Polynomial : 32'd0);
      for (int r = 0; r < 32; r++) matrix[32*r+c] = column[r];
    end
  endfunction

  localparam logic [1023:0] Matrix = matrix();

  logic [31:0] crc_q, crc_d, part_q, part_d;
  logic valid_q;

  for (genvar r = 0; r < 32; r++) begin : gen_row
    assign part_d[r] = ^(Matrix[32*r+:32] & data_i);
    assign crc_d[r]  = ^(Matrix[32*r+:32] & crc_q) ^ part_q[r];
  end

  always_ff @(posedge clk_i) begin
    valid_q <= valid_i;
    if (valid_i) part_q <= part_d;
    if (clear_i) crc_q <= '1;
    else if (valid_q) crc_q <= crc_d;
  end

  assign crc_o = ~crc_q;
endmodule
