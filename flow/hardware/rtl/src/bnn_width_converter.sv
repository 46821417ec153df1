// Role: regroups a stream of InWidth-bit beats into OutWidth-bit beats; element 0, the least
//       significant bits, goes first. A beat holds that of Pixels pixels side by side, pixel 0
//       least significant; each is regrouped for itself.
// How: up to the least common multiple of the two widths, then down; either is left out when the
//      widths divide each other.
// Latency: 1 (equal), 2 (one step) or 3 cycles (both). Throughput: 1 beat a cycle on the side with
//          more beats. in_ready_o leaves from a register.
module bnn_width_converter #(
    parameter int unsigned InWidth  = 8,
    parameter int unsigned OutWidth = 8,
    parameter int unsigned Pixels   = 1
) (
    input  logic                       clk_i,
    input  logic                       rst_ni,
    input  logic                       in_valid_i,
    output logic                       in_ready_o,
    input  logic [ Pixels*InWidth-1:0] in_data_i,
    output logic                       out_valid_o,
    input  logic                       out_ready_i,
    output logic [Pixels*OutWidth-1:0] out_data_o
);
  function automatic int unsigned gcd(input int unsigned a, input int unsigned b);
    int unsigned x, y, t;
    x = a;
    y = b;
    while (y != 0) begin
      t = x % y;
      x = y;
      y = t;
    end
    gcd = x;
  endfunction

  localparam int unsigned Common = gcd(InWidth, OutWidth);
  localparam int unsigned UpRatio = OutWidth / Common;
  localparam int unsigned DownRatio = InWidth / Common;
  localparam int unsigned WideWidth = UpRatio * InWidth;

  if (InWidth < 1 || OutWidth < 1 || Pixels < 1) begin : gen_illegal
    $error("bnn_width_converter: InWidth=%0d, OutWidth=%0d, Pixels=%0d; all must be >= 1", InWidth,
           OutWidth, Pixels);
  end

  logic reg_valid, reg_ready, wide_valid, wide_ready;
  logic [Pixels*InWidth-1:0] reg_data;
  logic [Pixels*WideWidth-1:0] up_data, wide_data, down_data;

  bnn_stream_reg #(
      .Width(Pixels * InWidth)
  ) u_in (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .out_valid_o(reg_valid),
      .out_ready_i(reg_ready),
      .out_data_o (reg_data)
  );

  if (UpRatio > 1) begin : gen_up
    bnn_width_up #(
        .Width(Pixels * InWidth),
        .Ratio(UpRatio)
    ) u_up (
        .clk_i,
        .rst_ni,
        .in_valid_i (reg_valid),
        .in_ready_o (reg_ready),
        .in_data_i  (reg_data),
        .out_valid_o(wide_valid),
        .out_ready_i(wide_ready),
        .out_data_o (up_data)
    );
  end else begin : gen_no_up
    assign wide_valid = reg_valid;
    assign reg_ready = wide_ready;
    assign up_data = reg_data;
  end

  // Beat by beat, and pixels in each, becomes pixel by pixel, and back.
  for (genvar m = 0; m < Pixels; m++) begin : gen_pixel
    for (genvar k = 0; k < UpRatio; k++) begin : gen_in
      assign wide_data[(m*UpRatio+k)*InWidth+:InWidth] = up_data[(k*Pixels+m)*InWidth+:InWidth];
    end
    for (genvar k = 0; k < DownRatio; k++) begin : gen_out
      assign down_data[(k*Pixels+m)*OutWidth+:OutWidth] =
          wide_data[(m*DownRatio+k)*OutWidth+:OutWidth];
    end
  end

  if (DownRatio > 1) begin : gen_down
    bnn_width_down #(
        .Width(Pixels * OutWidth),
        .Ratio(DownRatio)
    ) u_down (
        .clk_i,
        .rst_ni,
        .in_valid_i (wide_valid),
        .in_ready_o (wide_ready),
        .in_data_i  (down_data),
        .out_valid_o,
        .out_ready_i,
        .out_data_o
    );
  end else begin : gen_no_down
    assign out_valid_o = wide_valid;
    assign wide_ready = out_ready_i;
    assign out_data_o = down_data;
  end

`ifndef SYNTHESIS
  bnn_stream_check #(
      .Width(Pixels * OutWidth)
  ) u_check_out (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid_o),
      .ready_i(out_ready_i),
      .data_i (out_data_o)
  );
`endif
endmodule
