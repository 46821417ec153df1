`ifndef SYNTHESIS
// Role: simulation-only rules of one stream; instantiate it inside `ifndef SYNTHESIS`.
// Rules: an offered beat stays offered, with the same data, until it is accepted; nothing is
//        offered during reset.
module bnn_stream_check #(
    parameter int unsigned Width = 8
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic             valid_i,
    input logic             ready_i,
    input logic [Width-1:0] data_i
);
  logic             held_q;
  logic [Width-1:0] data_q;

  always_ff @(posedge clk_i) begin
    held_q <= rst_ni && valid_i && !ready_i;
    data_q <= data_i;
    if (rst_ni && held_q && !valid_i) $fatal(1, "%m: valid dropped before it was accepted");
    if (rst_ni && held_q && data_i != data_q) $fatal(1, "%m: data changed before it was accepted");
  end
endmodule
`endif
