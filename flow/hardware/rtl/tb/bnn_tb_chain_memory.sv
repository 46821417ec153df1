// Role: a loadable memory as the loader sees it: takes the first Depth * ceil(Width / 32) words
//       after a start and hands on all later ones, a register a hop; a row is written as late as is
//       allowed, 8 cycles after its last word.
module bnn_tb_chain_memory #(
    parameter int unsigned  Width = 8,
    parameter int unsigned  Depth = 4,
    localparam int unsigned Parts = (Width + 31) / 32
) (
    input  logic                  clk_i,
    input  logic                  load_start_i,
    input  logic                  load_valid_i,
    input  logic [          31:0] load_data_i,
    output logic                  load_start_o,
    output logic                  load_valid_o,
    output logic [          31:0] load_data_o,
    output logic                  full_o,
    output logic [Depth*32*Parts-1:0] rows_o         // part k of all of them at bit 32 * k
);
  localparam int unsigned Words = Depth * Parts;
  localparam int unsigned Delay = 8;
  localparam int unsigned LastBits = Width - 32 * (Parts - 1);

  logic [31:0] count_q, written_q;
  logic [32*Words-1:0] rows_q;
  logic [Delay-1:0] valid_q;
  logic [31:0] data_q[Delay];
  logic mine;

  initial valid_q = '0;  // a reset of the loader does not reach the memories

  assign mine = load_valid_i && count_q < Words;
  assign full_o = written_q == Words;
  assign rows_o = rows_q;

  always_ff @(posedge clk_i) begin
    load_start_o <= load_start_i;
    load_valid_o <= load_valid_i && !mine;
    load_data_o <= load_data_i;
    if (load_start_i) count_q <= '0;
    else if (mine) count_q <= count_q + 1;
    valid_q <= {valid_q[Delay-2:0], mine};
    data_q[0] <= load_data_i;
    for (int k = 1; k < Delay; k++) data_q[k] <= data_q[k-1];
    if (load_start_i) begin
      written_q <= '0;
      valid_q <= '0;
    end else if (valid_q[Delay-1]) begin
      rows_q[32*written_q+:32] <= data_q[Delay-1];
      written_q <= written_q + 1;
      if (written_q % Parts == Parts - 1 && LastBits < 32 && data_q[Delay-1] >> LastBits != '0)
        $fatal(1, "%m: unused bits of row %0d are not zero", written_q / Parts);
    end
  end
endmodule
