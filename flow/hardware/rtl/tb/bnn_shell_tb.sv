// Role: bnn_shell around a core that hands its pixel words back as score words after a while.
//       Source
//       beats carry TLAST on top, expected beats too: as many packets as went in, of as many
//       frames.
module bnn_shell_tb #(
    parameter int unsigned DmaWidth       = 128,
    parameter int unsigned Lanes          = 3,
    parameter int unsigned ElemBits       = 8,
    parameter int unsigned Words          = 16,
    parameter int unsigned FrameBeats     = 3,
    parameter int unsigned OutDmaBits     = 16,
    parameter int unsigned MaxFrames      = 2,
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
  localparam int unsigned Width = Lanes * ElemBits;

  logic in_valid, in_ready, out_valid, out_ready, out_last;
  logic [DmaWidth:0] in_data;
  logic [DmaWidth-1:0] out_data;
  logic [DmaWidth/8-1:0] keep;
  logic core_rst_n, to_valid, to_ready, from_valid, from_ready;
  logic [Width-1:0] to_data, from_data;
  logic [31:0] high_water, rdata;
  logic [1:0] bresp, rresp;
  logic load_valid;
  logic [31:0] waited_q;
  logic [31:0] load_data;
  logic awready, wready, bvalid, arready, rvalid;

  bnn_tb_source #(
      .Width(DmaWidth + 1),
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

  bnn_shell #(
      .DmaWidth   (DmaWidth),
      .InWidth    (Width),
      .InWords    (Words),
      .InBeats    (FrameBeats),
      .OutLanes   (Lanes),
      .OutElemBits(ElemBits),
      .OutDmaBits (OutDmaBits),
      .OutWords   (Words),
      .MaxFrames  (MaxFrames)
  ) u_dut (
      .aclk            (clk_i),
      .aresetn         (rst_ni),
      .s_axi_awvalid   (1'b0),
      .s_axi_awready   (awready),
      .s_axi_awaddr    ('0),
      .s_axi_wvalid    (1'b0),
      .s_axi_wready    (wready),
      .s_axi_wdata     ('0),
      .s_axi_wstrb     ('0),
      .s_axi_bvalid    (bvalid),
      .s_axi_bready    (1'b1),
      .s_axi_bresp     (bresp),
      .s_axi_arvalid   (1'b1),  // reads the magic word all the time
      .s_axi_arready   (arready),
      .s_axi_araddr    ('0),
      .s_axi_rvalid    (rvalid),
      .s_axi_rready    (1'b1),
      .s_axi_rdata     (rdata),
      .s_axi_rresp     (rresp),
      .s_axis_tvalid   (in_valid),
      .s_axis_tready   (in_ready),
      .s_axis_tdata    (in_data[DmaWidth-1:0]),
      .s_axis_tlast    (in_data[DmaWidth]),
      .m_axis_tvalid   (out_valid),
      .m_axis_tready   (out_ready),
      .m_axis_tdata    (out_data),
      .m_axis_tkeep    (keep),
      .m_axis_tlast    (out_last),
      .core_rst_no     (core_rst_n),
      .core_in_valid_o (to_valid),
      .core_in_ready_i (to_ready),
      .core_in_data_o  (to_data),
      .core_out_valid_i(from_valid),
      .core_out_ready_o(from_ready),
      .core_out_data_i (from_data),
      .load_valid_o    (load_valid),
      .load_ready_i    (1'b1),
      .load_data_o     (load_data),
      .load_done_i     (1'b0),
      .load_error_i    ('0),
      .load_hash_i     ('1)
  );

  bnn_fifo #(
      .Width(Width),
      .Depth(5 * Words)
  ) u_core (
      .clk_i,
      .rst_ni      (core_rst_n),
      .in_valid_i  (to_valid),
      .in_ready_o  (to_ready),
      .in_data_i   (to_data),
      .out_valid_o (from_valid),
      .out_ready_i (from_ready),
      .out_data_o  (from_data),
      .high_water_o(high_water)
  );

  always_ff @(posedge clk_i) begin
    if (rst_ni && rvalid && rdata != 32'h424E_4E46) $fatal(1, "%m: the magic word is %h", rdata);
    waited_q <= (rst_ni && !rvalid) ? waited_q + 1 : '0;
    if (rst_ni && (bvalid || !awready || !wready || (arready && rvalid) || waited_q > 6))
      $fatal(1, "%m: the registers answer to nothing, or do not answer");
    if (load_valid || load_data != '0) $fatal(1, "%m: a load that nobody asked for");
    if (rst_ni && out_valid && (keep != '1 || bresp != '0 || rresp != '0))
      $fatal(1, "%m: keep %b", keep);
    if (rst_ni && core_rst_n && high_water > 5 * Words) $fatal(1, "%m: more than the core holds");
    if (!core_rst_n && rst_ni && (out_valid || in_ready)) $fatal(1, "%m: data during a reset");
  end

  bnn_tb_sink #(
      .Width(DmaWidth + 1),
      .Beats(OutBeats),
      .BeatsPerFrame(OutPerFrame),
      .FastFrames(FastFrames),
      .WarmFrames(WarmFrames),
      .CyclesPerFrame(CyclesPerFrame),
      .File(OutFile)
  ) u_sink (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid),
      .ready_o(out_ready),
      .data_i ({out_last, out_data}),
      .done_o,
      .beats_o
  );
endmodule
