// Role: offers the beats of a vector file to a stream under test.
// The first FastBeats come without a gap, or one every FastPeriod cycles (late ones catch up); then
// the rate of idle cycles changes at random. While nothing is offered, data is random.
module bnn_tb_source #(
    parameter int unsigned Width      = 8,
    parameter int unsigned Beats      = 16,
    parameter int unsigned FastBeats  = 0,
    parameter int unsigned FastPeriod = 1,
    parameter              File       = ""
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    output logic             valid_o,
    input  logic             ready_i,
    output logic [Width-1:0] data_o
);
  logic [Width-1:0] mem[Beats];
  logic [Width-1:0] noise_q;
  logic [31:0] index_q, index_d, idle_percent_q, cycle_q;
  logic valid_q, lively_q, go;

  initial $readmemh(File, mem);

  assign index_d = index_q + 32'(valid_q && ready_i);

  assign go = (index_d < FastBeats) ? index_d * FastPeriod <= cycle_q : lively_q;

  always_ff @(posedge clk_i) begin
    noise_q <= Width'({(Width + 31) / 32{$urandom}});
    if (!rst_ni) begin
      index_q <= '0;
      valid_q <= 1'b0;
      lively_q <= 1'b0;
      cycle_q <= '0;
      idle_percent_q <= 32'd0;
    end else begin
      index_q <= index_d;
      cycle_q <= cycle_q + 1;
      lively_q <= $urandom_range(99) >= idle_percent_q;
      if (!valid_q || ready_i) valid_q <= index_d < Beats && go;
      if ($urandom_range(49) == 0) idle_percent_q <= 32'd24 * $urandom_range(4);
    end
  end

  assign valid_o = valid_q;
  assign data_o  = valid_q ? mem[index_q] : noise_q;
endmodule
