// Role: one geometry of bnn_rom: addresses in, words out, kept while the sink stalls.
module bnn_rom_tb #(
    parameter int unsigned Width          = 8,
    parameter int unsigned Depth          = 16,
    parameter              File           = "",
    parameter              RomStyle       = "auto",
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
  localparam int unsigned AddrBits = (Depth > 1) ? $clog2(Depth) : 1;

  logic in_valid, in_ready, out_ready, valid_q;
  logic [AddrBits-1:0] addr;
  logic [Width-1:0] data;

  bnn_tb_source #(
      .Width(AddrBits),
      .Beats(InBeats),
      .FastBeats((FastFrames + 1) * InPerFrame),
      .File(InFile)
  ) u_source (
      .clk_i,
      .rst_ni,
      .valid_o(in_valid),
      .ready_i(in_ready),
      .data_o (addr)
  );

  assign in_ready = !valid_q || out_ready;

  bnn_rom #(
      .Width(Width),
      .Depth(Depth),
      .File(File),
      .RomStyle(RomStyle)
  ) u_dut (
      .clk_i,
      .en_i  (in_ready),
      .addr_i(addr),
      .data_o(data)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (in_ready) valid_q <= in_valid;
  end

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
      .valid_i(valid_q),
      .ready_o(out_ready),
      .data_i(data),
      .done_o,
      .beats_o
  );
endmodule
