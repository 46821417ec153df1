// Role: splits a beat into Ratio beats of Width bits; the least significant leaves first.
// Latency: 1 cycle. Throughput: 1 beat a cycle out. in_ready_o depends on out_ready_i: internal to
//          bnn_width_converter, which puts a register before it.
module bnn_width_down #(
    parameter int unsigned Width = 8,
    parameter int unsigned Ratio = 2
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   in_valid_i,
    output logic                   in_ready_o,
    input  logic [Ratio*Width-1:0] in_data_i,
    output logic                   out_valid_o,
    input  logic                   out_ready_i,
    output logic [      Width-1:0] out_data_o
);
  localparam int unsigned CountBits = $clog2(Ratio);

  if (Ratio < 2) begin : gen_illegal
    $error("bnn_width_down: Ratio=%0d with Width=%0d; Ratio must be >= 2", Ratio, Width);
  end

  logic [Ratio*Width-1:0] data_q;
  logic [CountBits-1:0] left_q;  // beats that follow the one at the output
  logic valid_q, last_q, in_fire;  // last: none follows

  assign in_ready_o = !valid_q || (out_ready_i && last_q);
  assign in_fire = in_valid_i && in_ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q  <= '0;
      last_q  <= 1'b1;
      valid_q <= 1'b0;
    end else if (in_fire) begin
      left_q  <= CountBits'(Ratio - 1);
      last_q  <= 1'b0;
      valid_q <= 1'b1;
    end else if (out_ready_i) begin
      if (last_q) valid_q <= 1'b0;
      else begin
        left_q <= left_q - 1'b1;
        last_q <= left_q == CountBits'(1);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (in_fire) data_q <= in_data_i;
    else if (out_ready_i && valid_q) data_q <= {{Width{1'b0}}, data_q[Ratio*Width-1:Width]};
  end

  assign out_valid_o = valid_q;
  assign out_data_o = data_q[Width-1:0];
endmodule
