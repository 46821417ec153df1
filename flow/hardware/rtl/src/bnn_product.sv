// Role: an activation of 2 to 8 bits times a signed weight of 2 to 9 bits.
// Formula: y_o = x_i * w_i, signed; XBits + WBits bits hold it, also where x_i is unsigned.
// How: a product of up to 8 bits is the sum of two: x times the lower and times the upper half of
//      w, each a table of few inputs. Wider ones are left to the tool: with registers before and
//      behind them they become DSP slices.
// Latency: 2 cycles. Throughput: one product a cycle; no stall, no reset.
module bnn_product #(
    parameter int unsigned  XBits   = 8,
    parameter bit           XSigned = 1'b0,
    parameter int unsigned  WBits   = 8,
    localparam int unsigned YBits   = XBits + WBits
) (
    input  logic             clk_i,
    input  logic [XBits-1:0] x_i,
    input  logic [WBits-1:0] w_i,
    output logic [YBits-1:0] y_o
);
  logic signed [YBits-1:0] y_q;
  assign y_o = y_q;

  if (YBits <= 8) begin : gen_luts
    localparam int unsigned LowBits = WBits / 2;
    logic signed [YBits-1:0] low_q, high_q;
    logic signed [YBits-1:0] x, low, high;
    assign x    = YBits'($signed({XSigned & x_i[XBits-1], x_i}));
    assign low  = YBits'($signed({1'b0, w_i[LowBits-1:0]}));
    assign high = YBits'($signed(w_i[WBits-1:LowBits]));
    always_ff @(posedge clk_i) begin
      low_q  <= x * low;
      high_q <= (x * high) <<< LowBits;
      y_q    <= low_q + high_q;
    end
  end else begin : gen_tool
    logic signed [  XBits:0] x_q;
    logic signed [WBits-1:0] w_q;
    always_ff @(posedge clk_i) begin
      x_q <= $signed({XSigned & x_i[XBits-1], x_i});
      w_q <= $signed(w_i);
      y_q <= YBits'(x_q) * YBits'(w_q);
    end
  end
endmodule
