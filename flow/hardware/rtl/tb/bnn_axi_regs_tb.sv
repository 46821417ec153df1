// Role: bnn_axi_lite and bnn_axi_regs behind one AXI4-Lite master that takes its time at random.
// A source word is a command {kind[1:0], count[7:0], strobe[3:0], address[11:0], data[31:0]}: 0
// read (the data is the only output), 1 write, 2 drive data[6:0] onto the event inputs and
// data[11:7] onto {error, done, end} of the load for count cycles, 3 wait count cycles.
module bnn_axi_regs_tb #(
    parameter int unsigned Seed           = 0,
    parameter bit          Loadable       = 1'b0,
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
  localparam logic [255:0] Identity = {8{32'h1357_9BDF}} ^ {32'h0000_0001, 192'd0, 32'h8000_0000};

  typedef enum logic [2:0] {
    Idle,
    Send,
    Answer,
    Give,
    Drive,
    Pause
  } state_e;

  state_e state_q;
  logic cmd_valid, cmd_ready, out_valid, out_ready;
  logic [57:0] cmd;
  logic [31:0] answer_q, rdata, write_data, read_data;
  logic [7:0] left_q;
  logic awvalid_q, wvalid_q, arvalid_q, awready, wready, arready, bvalid, rvalid, ready_q;
  logic aw_due_q, w_due_q, core_rst_n, write, read;
  logic [9:0] write_index, read_index;
  logic [3:0] write_strobe;
  logic [11:0] events;
  logic loading;
  logic [3:0] loader_q;  // stays as it was driven last
  logic [1:0] kind;

  bnn_tb_source #(
      .Width(58),
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

  assign kind = cmd[57:56];
  assign events = (state_q == Drive) ? cmd[11:0] : '0;
  assign out_valid = state_q == Give;

  always_comb begin
    cmd_ready = 1'b0;
    case (state_q)
      Answer: cmd_ready = bvalid && ready_q;
      Give: cmd_ready = out_ready;
      Drive, Pause: cmd_ready = left_q == 8'd1;
      default: cmd_ready = 1'b0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    ready_q <= $urandom_range(2) == 0;
    if (!rst_ni) loader_q <= '0;
    else if (state_q == Drive) loader_q <= events[11:8];
    if (!rst_ni) begin
      state_q <= Idle;
      awvalid_q <= 1'b0;
      wvalid_q <= 1'b0;
      arvalid_q <= 1'b0;
      aw_due_q <= 1'b0;
      w_due_q <= 1'b0;
      left_q <= '0;
    end else begin
      if (awvalid_q && awready) awvalid_q <= 1'b0;
      if (wvalid_q && wready) wvalid_q <= 1'b0;
      if (arvalid_q && arready) arvalid_q <= 1'b0;
      case (state_q)
        Idle:
        if (cmd_valid) begin
          left_q <= cmd[55:48];
          aw_due_q <= kind == 2'd1;
          w_due_q <= kind == 2'd1;
          arvalid_q <= kind == 2'd0;
          state_q <= (kind == 2'd2) ? Drive : (kind == 2'd3) ? Pause : Send;
        end
        Send: begin  // address and data of a write start at random times, in any order
          if (aw_due_q && $urandom_range(2) == 0) begin
            aw_due_q  <= 1'b0;
            awvalid_q <= 1'b1;
          end
          if (w_due_q && $urandom_range(2) == 0) begin
            w_due_q  <= 1'b0;
            wvalid_q <= 1'b1;
          end
          if (kind == 2'd1 && !aw_due_q && !w_due_q) state_q <= Answer;
          if (rvalid && ready_q) begin
            answer_q <= rdata;
            state_q  <= Give;
          end
        end
        Drive, Pause: begin
          left_q <= left_q - 1'b1;
          if (left_q == 8'd1) state_q <= Idle;
        end
        default: if (cmd_ready) state_q <= Idle;
      endcase
      if (kind == 2'd0 && state_q == Send && bvalid) $fatal(1, "%m: an answer to no write");
    end
  end

  bnn_axi_lite #(
      .AddrBits(12)
  ) u_lite (
      .clk_i,
      .rst_ni,
      .s_axi_awvalid (awvalid_q),
      .s_axi_awready (awready),
      .s_axi_awaddr  (awvalid_q ? cmd[43:32] : ~cmd[43:32]),
      .s_axi_wvalid  (wvalid_q),
      .s_axi_wready  (wready),
      .s_axi_wdata   (wvalid_q ? cmd[31:0] : ~cmd[31:0]),
      .s_axi_wstrb   (wvalid_q ? cmd[47:44] : ~cmd[47:44]),
      .s_axi_bvalid  (bvalid),
      .s_axi_bready  (ready_q && state_q == Answer),
      .s_axi_arvalid (arvalid_q),
      .s_axi_arready (arready),
      .s_axi_araddr  (arvalid_q ? cmd[43:32] : ~cmd[43:32]),
      .s_axi_rvalid  (rvalid),
      .s_axi_rready  (ready_q),
      .s_axi_rdata   (rdata),
      .write_o       (write),
      .write_index_o (write_index),
      .write_data_o  (write_data),
      .write_strobe_o(write_strobe),
      .read_o        (read),
      .read_index_o  (read_index),
      .read_data_i   (read_data)
  );

  bnn_axi_regs #(
      .Identity    (Identity ^ 256'(Seed)),
      .Capabilities(32'd4),
      .Loadable    (Loadable),
      .LoadWords   (32'd475000)
  ) u_dut (
      .clk_i,
      .rst_ni,
      .write_i       (write),
      .write_index_i (write_index),
      .write_data_i  (write_data),
      .write_strobe_i(write_strobe),
      .read_i        (read),
      .read_index_i  (read_index),
      .read_data_o   (read_data),
      .core_rst_no   (core_rst_n),
      .in_valid_i    (events[0]),
      .in_ready_i    (events[1]),
      .in_frame_i    (events[2]),
      .in_error_i    (events[3]),
      .out_valid_i   (events[4]),
      .out_ready_i   (events[5]),
      .out_frame_i   (events[6]),
      .loading_o     (loading),
      .load_end_i    (events[7]),
      .load_done_i   (loader_q[0]),
      .load_error_i  (loader_q[3:1]),
      .load_hash_i   (~Identity)
  );

  always_ff @(posedge clk_i) begin
    if (rst_ni && write && write_index == 10'd3 && write_data[0] && write_strobe[0] && !core_rst_n)
      $fatal(1, "%m: a reset while in reset: the test does not mean that");
    if (rst_ni && !Loadable && loading) $fatal(1, "%m: loading what cannot be loaded");
  end

  bnn_tb_sink #(
      .Width(32),
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
      .data_i (answer_q),
      .done_o,
      .beats_o
  );
endmodule
