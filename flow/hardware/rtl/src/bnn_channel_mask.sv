// Role: a constant mask of Channels bits, Pe bits at a time, in the order of a stream's words.
// Formula: after n steps it gives bits (n mod Channels/Pe)*Pe upwards of Mask.
// Latency: the next part is there in the cycle after step_i. Channels/Pe is at least 2.
module bnn_channel_mask #(
    parameter int unsigned         Channels = 4,
    parameter int unsigned         Pe       = 2,
    parameter logic [Channels-1:0] Mask     = '0
) (
    input  logic          clk_i,
    input  logic          rst_ni,
    input  logic          step_i,
    output logic [Pe-1:0] mask_o
);
  localparam int unsigned Groups = Channels / Pe;
  localparam int unsigned GroupBits = $clog2(Groups);

  logic [GroupBits-1:0] next_q;  // the group behind the one whose bits are out
  logic [Pe-1:0] mask_q, mask_d;

  always_comb begin
    mask_d = '0;
    for (int unsigned g = 0; g < Groups; g++) begin
      if (next_q == GroupBits'(g)) mask_d = Mask[g*Pe+:Pe];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      next_q <= GroupBits'(1);
      mask_q <= Mask[Pe-1:0];
    end else if (step_i) begin
      next_q <= (next_q == GroupBits'(Groups - 1)) ? '0 : next_q + 1'b1;
      mask_q <= mask_d;
    end
  end

  assign mask_o = mask_q;
endmodule
