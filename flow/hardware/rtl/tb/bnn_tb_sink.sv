// Role: compares a stream under test with the beats of a vector file and judges its pace.
// The first FastFrames frames are taken without a stall; then the rate of stalls changes at random,
// and at times ready waits for valid. CyclesPerFrame (0: not judged) must hold exactly between the
// last beats of frames WarmFrames - 1 and FastFrames - 1.
// Any wrong, missing or spurious beat is fatal; done_o comes after a quiet time at the end.
module bnn_tb_sink #(
    parameter int unsigned Width          = 8,
    parameter int unsigned Beats          = 16,
    parameter int unsigned BeatsPerFrame  = 16,
    parameter int unsigned FastFrames     = 0,
    parameter int unsigned WarmFrames     = 1,
    parameter int unsigned CyclesPerFrame = 0,
    parameter              File           = ""
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             valid_i,
    output logic             ready_o,
    input  logic [Width-1:0] data_i,
    output logic             done_o,
    output logic [     31:0] beats_o
);
  localparam int unsigned QuietCycles = 300;
  localparam int unsigned PatienceCycles = 20000;

  logic [Width-1:0] mem[Beats];
  logic [31:0] index_q, index_d, stall_percent_q, cycle_q, warm_cycle_q, waited_q;
  logic ready_q, coy_q;  // coy: ready only for a beat that is already offered

  initial $readmemh(File, mem);

  assign index_d = index_q + 32'(valid_i && ready_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      index_q <= '0;
      ready_q <= 1'b0;
      coy_q <= 1'b0;
      stall_percent_q <= 32'd0;
      cycle_q <= '0;
      warm_cycle_q <= '0;
      waited_q <= '0;
    end else begin
      index_q <= index_d;
      cycle_q <= cycle_q + 1;
      waited_q <= (valid_i && ready_q) ? '0 : waited_q + 1;
      ready_q <= ($urandom_range(99) >= stall_percent_q && (!coy_q || (valid_i && !ready_q)))
          || index_d < FastFrames * BeatsPerFrame;
      if ($urandom_range(49) == 0) begin
        stall_percent_q <= 32'd24 * $urandom_range(4);
        coy_q <= $urandom_range(4) == 0;
      end
      if (valid_i && ready_q) begin
        if (index_q >= Beats) $fatal(1, "%m: spurious beat %0d: %h", index_q, data_i);
        if (data_i != mem[index_q])
          $fatal(1, "%m: beat %0d is %h, expected %h", index_q, data_i, mem[index_q]);
        if (index_d == WarmFrames * BeatsPerFrame) warm_cycle_q <= cycle_q;
        if (CyclesPerFrame != 0 && FastFrames > WarmFrames && index_d == FastFrames * BeatsPerFrame
            && cycle_q - warm_cycle_q != CyclesPerFrame * (FastFrames - WarmFrames))
          $fatal(1, "%m: %0d frames took %0d cycles, expected %0d each", FastFrames - WarmFrames,
                 cycle_q - warm_cycle_q, CyclesPerFrame);
      end
      if (index_q < Beats && waited_q > PatienceCycles)
        $fatal(1, "%m: no beat for %0d cycles, %0d of %0d seen", waited_q, index_q, Beats);
    end
  end

  assign ready_o = ready_q;
  assign done_o  = index_q == Beats && waited_q > QuietCycles;
  assign beats_o = index_q;
endmodule
