// Role: bnn_event_counter: a source word is {clear, event}; before each is applied, the count is
//      shown.
module bnn_event_counter_tb #(
    parameter int unsigned Parts          = 2,
    parameter int unsigned PartBits       = 2,
    parameter bit          Stops          = 1'b1,
    parameter int unsigned InBeats        = 1,
    parameter int unsigned OutBeats       = 1,
    parameter int unsigned InPerFrame     = 1,
    parameter int unsigned OutPerFrame    = 1,
    parameter int unsigned FastFrames     = 0,
    parameter int unsigned WarmFrames     = 1,
    parameter int unsigned CyclesPerFrame = 0,
    parameter              InFile         = "",
    parameter              OutFile        = ""
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    output logic        done_o,
    output logic [31:0] beats_o
);
  localparam int unsigned Width = Parts * PartBits;

  logic valid, ready;
  logic [1:0] what;
  logic [Width-1:0] count;

  bnn_tb_source #(
      .Width(2),
      .Beats(InBeats),
      .FastBeats((FastFrames + 1) * InPerFrame),
      .File(InFile)
  ) u_source (
      .clk_i,
      .rst_ni,
      .valid_o(valid),
      .ready_i(ready),
      .data_o (what)
  );

  bnn_event_counter #(
      .Parts   (Parts),
      .PartBits(PartBits),
      .Stops   (Stops)
  ) u_dut (
      .clk_i,
      .clear_i(!rst_ni || (valid && ready && what[1])),
      .event_i(valid && ready && what[0]),
      .count_o(count)
  );

  bnn_tb_sink #(
      .Width(Width),
      .Beats(OutBeats),
      .BeatsPerFrame(OutPerFrame),
      .FastFrames(FastFrames),
      .WarmFrames(WarmFrames),
      .CyclesPerFrame(CyclesPerFrame),
      .File(OutFile)
  ) u_sink (
      .clk_i,
      .rst_ni,
      .valid_i(valid),
      .ready_o(ready),
      .data_i (count),
      .done_o,
      .beats_o
  );
endmodule
