// Role: everything between the processing system and the accelerator's core: AXI4-Lite registers,
//       one AXI4-Stream in, one out. The generated top joins it with the core.
// How: bnn_axi_in gives each frame a tag, "its packet ends here"; the tag waits beside the core and
//      leaves with the frame's scores. A packet of N frames in is a packet of N frames out.
// Loadable: the registers can send one packet to the core's loader instead, as words of 32 bits, a
//      word a cycle. Without it the load ports are idle and there is no logic for them.
// MaxFrames: frames inside the core for which there are tags; with all in use, input waits.
module bnn_shell #(
    parameter logic        [255:0] Identity     = '0,
    parameter logic        [ 31:0] Capabilities = 32'd0,
    parameter int unsigned         DmaWidth     = 128,
    parameter int unsigned         InWidth      = 24,
    parameter int unsigned         InWords      = 1024,
    parameter int unsigned         InBeats      = 192,
    parameter int unsigned         OutLanes     = 1,
    parameter int unsigned         OutElemBits  = 8,
    parameter bit                  OutSigned    = 1'b1,
    parameter int unsigned         OutDmaBits   = 16,
    parameter int unsigned         OutWords     = 10,
    parameter int unsigned         MaxFrames    = 64,
    parameter bit                  Loadable     = 1'b0,
    parameter int unsigned         LoadWords    = 0
) (
    input  logic                            aclk,
    input  logic                            aresetn,
    input  logic                            s_axi_awvalid,
    output logic                            s_axi_awready,
    input  logic [                    11:0] s_axi_awaddr,
    input  logic                            s_axi_wvalid,
    output logic                            s_axi_wready,
    input  logic [                    31:0] s_axi_wdata,
    input  logic [                     3:0] s_axi_wstrb,
    output logic                            s_axi_bvalid,
    input  logic                            s_axi_bready,
    output logic [                     1:0] s_axi_bresp,
    input  logic                            s_axi_arvalid,
    output logic                            s_axi_arready,
    input  logic [                    11:0] s_axi_araddr,
    output logic                            s_axi_rvalid,
    input  logic                            s_axi_rready,
    output logic [                    31:0] s_axi_rdata,
    output logic [                     1:0] s_axi_rresp,
    input  logic                            s_axis_tvalid,
    output logic                            s_axis_tready,
    input  logic [            DmaWidth-1:0] s_axis_tdata,
    input  logic                            s_axis_tlast,
    output logic                            m_axis_tvalid,
    input  logic                            m_axis_tready,
    output logic [            DmaWidth-1:0] m_axis_tdata,
    output logic [          DmaWidth/8-1:0] m_axis_tkeep,
    output logic                            m_axis_tlast,
    output logic                            core_rst_no,
    output logic                            core_in_valid_o,
    input  logic                            core_in_ready_i,
    output logic [             InWidth-1:0] core_in_data_o,
    input  logic                            core_out_valid_i,
    output logic                            core_out_ready_o,
    input  logic [OutLanes*OutElemBits-1:0] core_out_data_i,
    output logic                            load_valid_o,
    input  logic                            load_ready_i,
    output logic [                    31:0] load_data_o,
    input  logic                            load_done_i,
    input  logic [                     2:0] load_error_i,
    input  logic [                   255:0] load_hash_i
);
  logic write, read;
  logic [9:0] write_index, read_index;
  logic [31:0] write_data, read_data;
  logic [3:0] write_strobe;
  logic in_frame, in_error, out_frame, in_ready, out_valid, image_ready, load_ready;
  logic loading, load_valid, awake;
  logic tag_in_valid, tag_in_ready, tag_in_last, tag_out_valid, tag_out_ready, tag_out_last;
  logic [31:0] unused_high_water;

  assign s_axi_bresp = 2'b00;
  assign s_axi_rresp = 2'b00;
  assign m_axis_tkeep = '1;
  // Nothing is taken or offered while the core is in reset, and at once when aresetn falls.
  assign awake = core_rst_no && aresetn;
  assign in_ready = loading ? load_ready : image_ready;
  assign s_axis_tready = in_ready && awake;
  assign load_valid = s_axis_tvalid && awake && loading;
  assign m_axis_tvalid = out_valid && awake;

  bnn_axi_lite #(
      .AddrBits(12)
  ) u_lite (
      .clk_i         (aclk),
      .rst_ni        (aresetn),
      .s_axi_awvalid,
      .s_axi_awready,
      .s_axi_awaddr,
      .s_axi_wvalid,
      .s_axi_wready,
      .s_axi_wdata,
      .s_axi_wstrb,
      .s_axi_bvalid,
      .s_axi_bready,
      .s_axi_arvalid,
      .s_axi_arready,
      .s_axi_araddr,
      .s_axi_rvalid,
      .s_axi_rready,
      .s_axi_rdata,
      .write_o       (write),
      .write_index_o (write_index),
      .write_data_o  (write_data),
      .write_strobe_o(write_strobe),
      .read_o        (read),
      .read_index_o  (read_index),
      .read_data_i   (read_data)
  );

  bnn_axi_regs #(
      .Identity    (Identity),
      .Capabilities(Capabilities),
      .Loadable    (Loadable),
      .LoadWords   (LoadWords)
  ) u_regs (
      .clk_i         (aclk),
      .rst_ni        (aresetn),
      .write_i       (write),
      .write_index_i (write_index),
      .write_data_i  (write_data),
      .write_strobe_i(write_strobe),
      .read_i        (read),
      .read_index_i  (read_index),
      .read_data_o   (read_data),
      .core_rst_no,
      .in_valid_i    (s_axis_tvalid && !loading),
      .in_ready_i    (s_axis_tready && !loading),
      .in_frame_i    (in_frame),
      .in_error_i    (in_error),
      .out_valid_i   (m_axis_tvalid),
      .out_ready_i   (m_axis_tready),
      .out_frame_i   (out_frame),
      .loading_o     (loading),
      .load_end_i    (load_valid && load_ready && s_axis_tlast),
      .load_done_i,
      .load_error_i,
      .load_hash_i
  );

  if (Loadable) begin : gen_load
    bnn_width_converter #(
        .InWidth (DmaWidth),
        .OutWidth(32)
    ) u_load (
        .clk_i      (aclk),
        .rst_ni     (core_rst_no),
        .in_valid_i (load_valid),
        .in_ready_o (load_ready),
        .in_data_i  (s_axis_tdata),
        .out_valid_o(load_valid_o),
        .out_ready_i(load_ready_i),
        .out_data_o (load_data_o)
    );
  end else begin : gen_fixed
    logic unused_load;
    assign load_ready   = 1'b0;
    assign load_valid_o = 1'b0;
    assign load_data_o  = '0;
    assign unused_load  = &{1'b0, load_ready_i, load_valid};
  end

  bnn_axi_in #(
      .DmaWidth  (DmaWidth),
      .WordWidth (InWidth),
      .Words     (InWords),
      .FrameBeats(InBeats)
  ) u_in (
      .clk_i         (aclk),
      .rst_ni        (core_rst_no),
      .s_axis_tvalid (s_axis_tvalid && awake && !loading),
      .s_axis_tready (image_ready),
      .s_axis_tdata,
      .s_axis_tlast,
      .out_valid_o   (core_in_valid_o),
      .out_ready_i   (core_in_ready_i),
      .out_data_o    (core_in_data_o),
      .tag_valid_o   (tag_in_valid),
      .tag_ready_i   (tag_in_ready),
      .tag_last_o    (tag_in_last),
      .frame_o       (in_frame),
      .packet_error_o(in_error)
  );

  bnn_fifo #(
      .Width(1),
      .Depth(MaxFrames)
  ) u_tags (
      .clk_i       (aclk),
      .rst_ni      (core_rst_no),
      .in_valid_i  (tag_in_valid),
      .in_ready_o  (tag_in_ready),
      .in_data_i   (tag_in_last),
      .out_valid_o (tag_out_valid),
      .out_ready_i (tag_out_ready),
      .out_data_o  (tag_out_last),
      .high_water_o(unused_high_water)
  );

  bnn_axi_out #(
      .DmaWidth   (DmaWidth),
      .Lanes      (OutLanes),
      .ElemBits   (OutElemBits),
      .Signed     (OutSigned),
      .ElemOutBits(OutDmaBits),
      .Words      (OutWords)
  ) u_out (
      .clk_i        (aclk),
      .rst_ni       (core_rst_no),
      .in_valid_i   (core_out_valid_i),
      .in_ready_o   (core_out_ready_o),
      .in_data_i    (core_out_data_i),
      .tag_valid_i  (tag_out_valid),
      .tag_ready_o  (tag_out_ready),
      .tag_last_i   (tag_out_last),
      .m_axis_tvalid(out_valid),
      .m_axis_tready,  // in reset nothing in u_out, the tags or the counters moves
      .m_axis_tdata,
      .m_axis_tlast,
      .frame_o      (out_frame)
  );
endmodule
