// Role: collects Ratio beats of Width bits into one; the first beat is the least significant.
// Latency: 1 cycle after the last of them. Throughput: 1 beat a cycle in. in_ready_o depends on
//          out_ready_i: internal to bnn_width_converter, which puts a register before it.
module bnn_width_up #(
    parameter int unsigned Width = 8,
    parameter int unsigned Ratio = 2
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   in_valid_i,
    output logic                   in_ready_o,
    input  logic [      Width-1:0] in_data_i,
    output logic                   out_valid_o,
    input  logic                   out_ready_i,
    output logic [Ratio*Width-1:0] out_data_o
);
  localparam int unsigned CountBits = $clog2(Ratio);

  if (Ratio < 2) begin : gen_illegal
    $error("bnn_width_up: Ratio=%0d with Width=%0d; Ratio must be >= 2", Ratio, Width);
  end

  // The last beat of a word goes straight to the output register.
  logic [(Ratio-1)*Width-1:0] part_q;
  logic [Ratio*Width-1:0] data_q;
  logic [CountBits-1:0] count_q;
  logic last_q, valid_q, in_fire;

  assign in_ready_o = !last_q || !valid_q || out_ready_i;
  assign in_fire = in_valid_i && in_ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      last_q  <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (in_fire) begin
        count_q <= (last_q ? '0 : count_q) + CountBits'(!last_q);
        last_q  <= count_q == CountBits'(Ratio - 2);
      end
      if (in_fire && last_q) valid_q <= 1'b1;
      else if (out_ready_i) valid_q <= 1'b0;
    end
  end

  if (Ratio == 2) begin : gen_two
    always_ff @(posedge clk_i) if (in_fire) part_q <= in_data_i;
  end else begin : gen_more
    always_ff @(posedge clk_i) begin
      if (in_fire) part_q <= {in_data_i, part_q[(Ratio-1)*Width-1:Width]};
    end
  end
  always_ff @(posedge clk_i) if (in_fire && last_q) data_q <= {in_data_i, part_q};

  assign out_valid_o = valid_q;
  assign out_data_o = data_q;
endmodule
