// Role: the thresholds of bnn_mvu, a pass at a time, in order: Limits of Bits bits.
// How: a row of the memory holds the bits from c * ChunkBits on of every threshold; Chunks rows
//      make a pass, so that a LUT holds bits of several rows. step_i moves on by a row; the last
//      Chunks rows read stand side by side at the output.
// Latency: thresh_o is whole in the cycle after the last of Chunks steps, until the next one.
// Loadable: a link of the load chain (see bnn_memory).
module bnn_thresholds #(
    parameter int unsigned Limits   = 2,
    parameter int unsigned Bits     = 8,
    parameter int unsigned Chunks   = 1,
    parameter int unsigned Passes   = 4,
    parameter              File     = "",
    parameter bit          Loadable = 1'b0
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   step_i,
    output logic [Limits*Bits-1:0] thresh_o,
    input  logic                   load_start_i,
    input  logic                   load_valid_i,
    input  logic [           31:0] load_data_i,
    output logic                   load_start_o,
    output logic                   load_valid_o,
    output logic [           31:0] load_data_o
);
  localparam int unsigned Rows = Passes * Chunks;
  localparam int unsigned RowBits = (Rows > 1) ? $clog2(Rows) : 1;
  localparam int unsigned ChunkBits = (Bits + Chunks - 1) / Chunks;
  localparam int unsigned Width = Limits * ChunkBits;

  logic [RowBits-1:0] row_q;
  logic last_row_q;
  logic [Chunks*Width-1:0] chunks;  // the newest row is the last

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      row_q <= '0;
      last_row_q <= Rows == 1;
    end else if (step_i) begin
      row_q <= (last_row_q ? '0 : row_q) + RowBits'(!last_row_q);
      last_row_q <= Rows == 1 || (!last_row_q && row_q == RowBits'(Rows - 2));
    end
  end

  bnn_memory #(
      .Width   (Width),
      .Depth   (Rows),
      .File    (File),
      .Style   ("distributed"),
      .Loadable(Loadable)
  ) u_memory (
      .clk_i,
      .rst_ni,
      .addr_i(row_q),
      .data_o(chunks[(Chunks-1)*Width+:Width]),
      .load_start_i,
      .load_valid_i,
      .load_data_i,
      .load_start_o,
      .load_valid_o,
      .load_data_o
  );

  for (genvar c = 1; c < Chunks; c++) begin : gen_chunk
    always_ff @(posedge clk_i) chunks[(c-1)*Width+:Width] <= chunks[c*Width+:Width];
  end

  for (genvar p = 0; p < Limits; p++) begin : gen_join
    logic [Chunks*ChunkBits-1:0] joined;
    for (genvar c = 0; c < Chunks; c++) begin : gen_part
      assign joined[c*ChunkBits+:ChunkBits] = chunks[(c*Limits+p)*ChunkBits+:ChunkBits];
    end
    assign thresh_o[p*Bits+:Bits] = joined[Bits-1:0];
    if (Chunks * ChunkBits > Bits) begin : gen_spare
      logic unused_spare;
      assign unused_spare = ^joined[Chunks*ChunkBits-1:Bits];
    end
  end
endmodule
