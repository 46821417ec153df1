// Role: bnn_shell with loadable weights around a core with one loadable memory of two rows of 40
//       bits: words come back exclusive-or the first row.
// A source word is {op[1:0], last, data}: 0 a beat of the input stream, 1 write data[31:0] to the
// control register, 2 read the status register until (status & data[31:16]) == data[15:0], 3 read
// the register at data[11:0] and show it. Read values and the beats of the output stream leave in
// one stream {last, data}; the script sees to it that they do not meet.
module bnn_shell_load_tb #(
    parameter int unsigned DmaWidth       = 64,
    parameter int unsigned Lanes          = 3,
    parameter int unsigned Words          = 8,
    parameter int unsigned FrameBeats     = 3,
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
  localparam int unsigned Width = 8 * Lanes;
  localparam logic [11:0] Control = 12'h00C;
  localparam logic [11:0] Status = 12'h010;

  logic cmd_valid, cmd_ready, in_ready, out_valid, out_last, sink_valid, sink_ready;
  logic [DmaWidth+2:0] cmd;
  logic [1:0] op;
  logic [DmaWidth-1:0] out_data, sink_data;
  logic [DmaWidth/8-1:0] keep;
  logic core_rst_n, to_valid, to_ready, from_valid, from_ready, gated_ready;
  logic [Width-1:0] to_data, from_data;
  logic [31:0] high_water, rdata, read_q, load_data, chain_data, end_data;
  logic [1:0] bresp, rresp;
  logic awready, wready, bvalid, arready, rvalid, aw_q, w_q, ar_q, show_q;
  logic load_valid, load_ready, loaded, start, valid, end_start, end_valid, full;
  logic [2:0] error;
  logic [255:0] hash;
  logic [127:0] rows;

  bnn_tb_source #(
      .Width(DmaWidth + 3),
      .Beats(InBeats),
      .FastBeats((FastFrames + 1) * InPerFrame),
      .File(InFile)
  ) u_source (
      .clk_i,
      .rst_ni,
      .valid_o(cmd_valid),
      .ready_i(cmd_ready),
      .data_o (cmd)
  );

  assign op = cmd[DmaWidth+2-:2];
  always_comb begin
    case (op)
      2'd0: cmd_ready = in_ready;
      2'd1: cmd_ready = bvalid;
      2'd2: cmd_ready = rvalid && (rdata[15:0] & cmd[31:16]) == cmd[15:0];
      default: cmd_ready = show_q && sink_ready;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_q <= 1'b0;
      w_q <= 1'b0;
      ar_q <= 1'b0;
      show_q <= 1'b0;
    end else begin  // aw_q, w_q, ar_q: the address or the data has been taken
      if (cmd_valid && op == 2'd1) begin
        if (awready) aw_q <= !bvalid;
        if (wready) w_q <= !bvalid;
        if (bvalid) begin
          aw_q <= 1'b0;
          w_q  <= 1'b0;
        end
      end
      if (rvalid) ar_q <= 1'b0;
      else if (cmd_valid && op[1] && arready && !show_q) ar_q <= 1'b1;
      if (rvalid && op == 2'd3) begin
        read_q <= rdata;
        show_q <= 1'b1;
      end else if (show_q && sink_ready) show_q <= 1'b0;
      if (show_q && out_valid) $fatal(1, "%m: scores and a register at the same time");
      if (out_valid && (keep != '1 || bresp != '0 || rresp != '0)) $fatal(1, "%m: keep %b", keep);
      if (core_rst_n && (end_valid || high_water > 64)) $fatal(1, "%m: %h left over", end_data);
      if (end_start && full) $fatal(1, "%m: a start, and the memory is full");
    end
  end

  bnn_shell #(
      .DmaWidth   (DmaWidth),
      .InWidth    (Width),
      .InWords    (Words),
      .InBeats    (FrameBeats),
      .OutLanes   (Lanes),
      .OutElemBits(8),
      .OutSigned  (1'b0),
      .OutDmaBits (16),
      .OutWords   (Words),
      .MaxFrames  (4),
      .Loadable   (1'b1),
      .LoadWords  (4)
  ) u_dut (
      .aclk            (clk_i),
      .aresetn         (rst_ni),
      .s_axi_awvalid   (cmd_valid && op == 2'd1 && !aw_q),
      .s_axi_awready   (awready),
      .s_axi_awaddr    (Control),
      .s_axi_wvalid    (cmd_valid && op == 2'd1 && !w_q),
      .s_axi_wready    (wready),
      .s_axi_wdata     (cmd[31:0]),
      .s_axi_wstrb     ('1),
      .s_axi_bvalid    (bvalid),
      .s_axi_bready    (1'b1),
      .s_axi_bresp     (bresp),
      .s_axi_arvalid   (cmd_valid && op[1] && !ar_q && !show_q),
      .s_axi_arready   (arready),
      .s_axi_araddr    (op[0] ? cmd[11:0] : Status),
      .s_axi_rvalid    (rvalid),
      .s_axi_rready    (1'b1),
      .s_axi_rdata     (rdata),
      .s_axi_rresp     (rresp),
      .s_axis_tvalid   (cmd_valid && op == 2'd0),
      .s_axis_tready   (in_ready),
      .s_axis_tdata    (cmd[DmaWidth-1:0]),
      .s_axis_tlast    (cmd[DmaWidth]),
      .m_axis_tvalid   (out_valid),
      .m_axis_tready   (sink_ready && !show_q),
      .m_axis_tdata    (out_data),
      .m_axis_tkeep    (keep),
      .m_axis_tlast    (out_last),
      .core_rst_no     (core_rst_n),
      .core_in_valid_o (to_valid),
      .core_in_ready_i (gated_ready),
      .core_in_data_o  (to_data),
      .core_out_valid_i(from_valid),
      .core_out_ready_o(from_ready),
      .core_out_data_i (from_data ^ rows[Width-1:0]),
      .load_valid_o    (load_valid),
      .load_ready_i    (load_ready),
      .load_data_o     (load_data),
      .load_done_i     (loaded),
      .load_error_i    (error),
      .load_hash_i     (hash)
  );

  bnn_loader #(
      .LoadWords  (4),
      .ChainLength(1)
  ) u_loader (
      .clk_i,
      .rst_ni       (core_rst_n),
      .load_valid_i (load_valid),
      .load_ready_o (load_ready),
      .load_data_i  (load_data),
      .chain_start_o(start),
      .chain_valid_o(valid),
      .chain_data_o (chain_data),
      .loaded_o     (loaded),
      .error_o      (error),
      .loaded_hash_o(hash)
  );

  bnn_tb_chain_memory #(
      .Width(40),
      .Depth(2)
  ) u_memory (
      .clk_i,
      .load_start_i(start),
      .load_valid_i(valid),
      .load_data_i (chain_data),
      .load_start_o(end_start),
      .load_valid_o(end_valid),
      .load_data_o (end_data),
      .full_o      (full),
      .rows_o      (rows)
  );

  logic unused_rows;
  assign unused_rows = ^rows[127:Width];

  assign gated_ready = to_ready && loaded;

  bnn_fifo #(
      .Width(Width),
      .Depth(64)
  ) u_core (
      .clk_i,
      .rst_ni      (core_rst_n),
      .in_valid_i  (to_valid && loaded),
      .in_ready_o  (to_ready),
      .in_data_i   (to_data),
      .out_valid_o (from_valid),
      .out_ready_i (from_ready),
      .out_data_o  (from_data),
      .high_water_o(high_water)
  );

  assign sink_valid = show_q || out_valid;
  assign sink_data  = show_q ? DmaWidth'(read_q) : out_data;

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
      .valid_i(sink_valid),
      .ready_o(sink_ready),
      .data_i ({out_last && !show_q, sink_data}),
      .done_o,
      .beats_o
  );
endmodule
