// Role: one geometry of bnn_ram. A source word is {show, write, write address, data, read address},
//       done in one cycle; with show, what is read comes out.
module bnn_ram_tb #(
    parameter int unsigned Width          = 8,
    parameter int unsigned Depth          = 16,
    parameter              RamStyle       = "auto",
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
  localparam int unsigned InWidth = 2 + 2 * AddrBits + Width;

  logic in_valid, in_ready, out_ready, read_q, valid_q;
  logic [InWidth-1:0] in_data;
  logic [Width-1:0] read, data_q;

  bnn_tb_source #(
      .Width(InWidth),
      .Beats(InBeats),
      .FastBeats((FastFrames + 1) * InPerFrame),
      .File(InFile)
  ) u_source (
      .clk_i,
      .rst_ni,
      .valid_o(in_valid),
      .ready_i(in_ready),
      .data_o (in_data)
  );

  bnn_ram #(
      .Width(Width),
      .Depth(Depth),
      .RamStyle(RamStyle)
  ) u_dut (
      .clk_i,
      .wr_en_i  (in_valid && in_ready && in_data[InWidth-2]),
      .wr_addr_i(in_data[AddrBits+Width+:AddrBits]),
      .wr_data_i(in_data[AddrBits+:Width]),
      .rd_addr_i(in_data[0+:AddrBits]),
      .rd_data_o(read)
  );

  assign in_ready = !read_q && !valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_q  <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      read_q <= in_valid && in_ready && in_data[InWidth-1];
      if (read_q) valid_q <= 1'b1;
      else if (out_ready) valid_q <= 1'b0;
    end
    if (read_q) data_q <= read;
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
      .data_i(data_q),
      .done_o,
      .beats_o
  );
endmodule
