// Role: the reset of one kernel: no reset drives more than the registers of a kernel, however many
//       kernels there are.
// How: a register that synthesis does not join with those of other kernels, high while in reset, as
//      the flip-flops' own input is. In reset from configuration on.
// Latency: 1 cycle.
module bnn_reset (
    input  logic clk_i,
    input  logic rst_ni,
    output logic rst_no
);
  logic reset;

  bnn_copy #(
      .Width(1),
      .Init (1'b1)
  ) u_copy (
      .clk_i,
      .rst_i (1'b0),
      .en_i  (1'b1),
      .data_i(!rst_ni),
      .data_o(reset)
  );
  assign rst_no = !reset;
endmodule
