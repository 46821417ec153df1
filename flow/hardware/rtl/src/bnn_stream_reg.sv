// Role: cuts every path of a stream, valid, data and ready, without losing a cycle.
// How: an output register and a spare (skid) one that takes the beat which arrives while ready
//      is still on its way down.
// Latency: 1 cycle. Throughput: 1 beat a cycle. in_ready_o leaves from a register.
module bnn_stream_reg #(
    parameter int unsigned Width = 8
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             in_valid_i,
    output logic             in_ready_o,
    input  logic [Width-1:0] in_data_i,
    output logic             out_valid_o,
    input  logic             out_ready_i,
    output logic [Width-1:0] out_data_o
);
  logic ready_q, valid_q, skid_valid_q, skid_valid_d;
  logic [Width-1:0] data_q, skid_q;
  logic in_fire, move;

  assign in_fire = in_valid_i && ready_q;
  assign move = out_ready_i || !valid_q;  // the output register takes a beat or goes empty
  assign skid_valid_d = !move && (skid_valid_q || in_fire);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ready_q <= 1'b0;
      valid_q <= 1'b0;
      skid_valid_q <= 1'b0;
    end else begin
      ready_q <= !skid_valid_d;
      skid_valid_q <= skid_valid_d;
      if (move) valid_q <= skid_valid_q || in_fire;
    end
  end

  always_ff @(posedge clk_i) begin
    if (move) data_q <= skid_valid_q ? skid_q : in_data_i;
    if (ready_q) skid_q <= in_data_i;
  end

  assign in_ready_o = ready_q;
  assign out_valid_o = valid_q;
  assign out_data_o = data_q;

`ifndef SYNTHESIS
  bnn_stream_check #(
      .Width(Width)
  ) u_check_out (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid_o),
      .ready_i(out_ready_i),
      .data_i (out_data_o)
  );
`endif
endmodule
