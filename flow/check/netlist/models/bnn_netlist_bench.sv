// Role: the processing system around a whole accelerator: its AXI4-Lite master, the DMA on both
//       streams, driven by a file of operations, with random idling and stalling.
// An operation is {kind[1:0], last, data}: 0 a beat of the input stream, 1 write data[31:0] to the
// control register, 2 read the status register until (status & data[31:16]) == data[15:0], 3 read
// the register at data[11:0] and print it. Beats {last, data} that come out are compared with a file.
module bnn_netlist_bench #(
    parameter int unsigned DmaWidth = 64,
    parameter int unsigned Ops      = 1,
    parameter int unsigned Beats    = 1,
    parameter int unsigned Patience = 100000,  // cycles without an operation or a beat
    parameter              OpFile   = "",
    parameter              BeatFile = ""
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    output logic                  done_o,
    output logic                  s_axi_awvalid,
    input  logic                  s_axi_awready,
    output logic [          11:0] s_axi_awaddr,
    output logic                  s_axi_wvalid,
    input  logic                  s_axi_wready,
    output logic [          31:0] s_axi_wdata,
    output logic [           3:0] s_axi_wstrb,
    input  logic                  s_axi_bvalid,
    output logic                  s_axi_bready,
    output logic                  s_axi_arvalid,
    input  logic                  s_axi_arready,
    output logic [          11:0] s_axi_araddr,
    input  logic                  s_axi_rvalid,
    output logic                  s_axi_rready,
    input  logic [          31:0] s_axi_rdata,
    output logic                  s_axis_tvalid,
    input  logic                  s_axis_tready,
    output logic [  DmaWidth-1:0] s_axis_tdata,
    output logic                  s_axis_tlast,
    input  logic                  m_axis_tvalid,
    output logic                  m_axis_tready,
    input  logic [  DmaWidth-1:0] m_axis_tdata,
    input  logic [DmaWidth/8-1:0] m_axis_tkeep,
    input  logic                  m_axis_tlast
);
  localparam logic [11:0] Control = 12'h00C;
  localparam logic [11:0] Status = 12'h010;

  logic op_valid, op_ready, aw_q, w_q, ar_q, ready_q;
  logic [DmaWidth+2:0] op;
  logic [1:0] kind;
  logic [31:0] done_q, beat_q, quiet_q, stall_percent_q;
  logic [DmaWidth:0] beats[Beats];

  initial $readmemh(BeatFile, beats);

  bnn_tb_source #(
      .Width(DmaWidth + 3),
      .Beats(Ops),
      .FastBeats(1),
      .File (OpFile)
  ) u_source (
      .clk_i,
      .rst_ni,
      .valid_o(op_valid),
      .ready_i(op_ready),
      .data_o (op)
  );

  assign kind = op[DmaWidth+2-:2];
  always_comb begin
    case (kind)
      2'd0: op_ready = s_axis_tready;
      2'd1: op_ready = s_axi_bvalid;
      2'd2: op_ready = s_axi_rvalid && (s_axi_rdata[15:0] & op[31:16]) == op[15:0];
      default: op_ready = s_axi_rvalid;
    endcase
  end

  assign s_axi_awvalid = op_valid && kind == 2'd1 && !aw_q;
  assign s_axi_wvalid = op_valid && kind == 2'd1 && !w_q;
  assign s_axi_awaddr = Control;
  assign s_axi_wdata = op[31:0];
  assign s_axi_wstrb = '1;
  assign s_axi_bready = 1'b1;
  assign s_axi_arvalid = op_valid && kind[1] && !ar_q;
  assign s_axi_araddr = kind[0] ? op[11:0] : Status;
  assign s_axi_rready = 1'b1;
  assign s_axis_tvalid = op_valid && kind == 2'd0;
  assign s_axis_tdata = op[DmaWidth-1:0];
  assign s_axis_tlast = op[DmaWidth];
  assign m_axis_tready = ready_q;
  assign done_o = done_q == Ops && beat_q == Beats;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_q <= 1'b0;
      w_q <= 1'b0;
      ar_q <= 1'b0;
      ready_q <= 1'b0;
      done_q <= '0;
      beat_q <= '0;
      quiet_q <= '0;
      stall_percent_q <= '0;
    end else begin
      if (op_valid && kind == 2'd1) begin  // aw_q, w_q: the address, the data has been taken
        if (s_axi_awready) aw_q <= !s_axi_bvalid;
        if (s_axi_wready) w_q <= !s_axi_bvalid;
        if (s_axi_bvalid) begin
          aw_q <= 1'b0;
          w_q  <= 1'b0;
        end
      end
      if (s_axi_rvalid) ar_q <= 1'b0;
      else if (s_axi_arvalid && s_axi_arready) ar_q <= 1'b1;
      if (op_valid && kind == 2'd3 && s_axi_rvalid) $display("REGISTER %h %h", op[11:0], s_axi_rdata);
      if (op_valid && op_ready) done_q <= done_q + 1;
      ready_q <= $urandom_range(99) >= stall_percent_q;
      if ($urandom_range(49) == 0) stall_percent_q <= 32'd24 * $urandom_range(4);
      // Reading the status register again and again is no progress.
      quiet_q <= ((op_valid && op_ready) || (m_axis_tvalid && ready_q)) ? '0 : quiet_q + 1;
      if (quiet_q > Patience)
        $fatal(1, "%m: nothing moved for %0d cycles: %0d of %0d operations, %0d of %0d beats", Patience,
               done_q, Ops, beat_q, Beats);
      if (m_axis_tvalid && ready_q) begin
        beat_q <= beat_q + 1;
        if (beat_q >= Beats) $fatal(1, "%m: a beat too many: %h", m_axis_tdata);
        else if ({m_axis_tlast, m_axis_tdata} != beats[beat_q])
          $fatal(1, "%m: beat %0d is %b %h, expected %h", beat_q, m_axis_tlast, m_axis_tdata,
                 beats[beat_q]);
        if (m_axis_tkeep != '1) $fatal(1, "%m: beat %0d has bytes left out: %b", beat_q, m_axis_tkeep);
      end
    end
  end
endmodule
