// Role: the smallest core with loadable weights: score k of a frame of 16 pixels is the sum of its
//       bytes, exclusive-or bits of row k of one memory and of all rows of another one.
module bnn_top #(
    parameter int unsigned LoadWords = 23
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         load_valid_i,
    output logic         load_ready_o,
    input  logic [ 31:0] load_data_i,
    output logic         load_done_o,
    output logic [  2:0] load_error_o,
    output logic [255:0] load_hash_o,
    input  logic         in_valid_i,
    output logic         in_ready_o,
    input  logic [ 23:0] in_data_i,
    output logic         out_valid_o,
    input  logic         out_ready_i,
    output logic [ 15:0] out_data_o
);
  localparam int unsigned Pixels = 16;
  localparam int unsigned Classes = 10;

  logic [2:0] start, valid;
  logic [31:0] data[3];
  logic [1:0] full;
  logic [64*Classes-1:0] rows;
  logic [32*3-1:0] offsets;
  logic [15:0] sum_q;
  logic [4:0] count_q;
  logic giving_q;

  bnn_loader #(
      .LoadWords  (LoadWords),
      .ChainLength(2)
  ) u_loader (
      .clk_i,
      .rst_ni,
      .load_valid_i,
      .load_ready_o,
      .load_data_i,
      .chain_start_o(start[0]),
      .chain_valid_o(valid[0]),
      .chain_data_o (data[0]),
      .loaded_o     (load_done_o),
      .error_o      (load_error_o),
      .loaded_hash_o(load_hash_o)
  );

  bnn_tb_chain_memory #(
      .Width(40),
      .Depth(Classes)
  ) u_rows (
      .clk_i,
      .load_start_i(start[0]),
      .load_valid_i(valid[0]),
      .load_data_i (data[0]),
      .load_start_o(start[1]),
      .load_valid_o(valid[1]),
      .load_data_o (data[1]),
      .full_o      (full[0]),
      .rows_o      (rows)
  );

  bnn_tb_chain_memory #(
      .Width(16),
      .Depth(3)
  ) u_offsets (
      .clk_i,
      .load_start_i(start[1]),
      .load_valid_i(valid[1]),
      .load_data_i (data[1]),
      .load_start_o(start[2]),
      .load_valid_o(valid[2]),
      .load_data_o (data[2]),
      .full_o      (full[1]),
      .rows_o      (offsets)
  );

  assign in_ready_o = load_done_o && !giving_q;
  assign out_valid_o = giving_q;
  always_comb begin
    out_data_o = sum_q ^ rows[64*32'(count_q)+:16] ^ rows[64*32'(count_q)+24+:16];
    for (int k = 0; k < 6; k++) out_data_o ^= offsets[16*k+:16];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sum_q <= '0;
      count_q <= '0;
      giving_q <= 1'b0;
    end else if (giving_q && out_ready_i) begin
      count_q  <= (count_q == 5'(Classes - 1)) ? '0 : count_q + 1'b1;
      giving_q <= count_q != 5'(Classes - 1);
      if (count_q == 5'(Classes - 1)) sum_q <= '0;
    end else if (in_valid_i && in_ready_o) begin
      count_q <= (count_q == 5'(Pixels - 1)) ? '0 : count_q + 1'b1;
      giving_q <= count_q == 5'(Pixels - 1);
      sum_q <= sum_q + 16'(in_data_i[7:0]) + 16'(in_data_i[15:8]) + 16'(in_data_i[23:16]);
    end
    if (rst_ni && load_done_o && (valid[2] || full != '1))
      $fatal(1, "%m: loaded, but not complete: %b %h %b", full, data[2], start[2]);
  end
endmodule
