// Role: what the driver reads and controls: identity, status, counters, soft reset, loading.
// Registers: registers.toml has their addresses, bits and meaning; everything else reads 0. The low
//   word of a 64-bit time is read first and holds the high one. With loadable weights only: their
//   sha256, the words of a load, and the load bit of control.
// Counters stop at their highest value; times lag by a cycle, all by the same one.
// Latency: read_data_o 2 cycles after read_i, read_index_i held.
module bnn_axi_regs #(
    parameter logic        [255:0] Identity     = '0,
    parameter logic        [ 31:0] Capabilities = 32'd0,
    parameter bit                  Loadable     = 1'b0,
    parameter int unsigned         LoadWords    = 0
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         write_i,
    input  logic [  9:0] write_index_i,
    input  logic [ 31:0] write_data_i,
    input  logic [  3:0] write_strobe_i,
    input  logic         read_i,
    input  logic [  9:0] read_index_i,
    output logic [ 31:0] read_data_o,
    output logic         core_rst_no,
    input  logic         in_valid_i,      // handshakes of the two AXI streams, images only
    input  logic         in_ready_i,
    input  logic         in_frame_i,
    input  logic         in_error_i,
    input  logic         out_valid_i,
    input  logic         out_ready_i,
    input  logic         out_frame_i,
    output logic         loading_o,       // the input stream is weights
    input  logic         load_end_i,      // their last beat is taken
    input  logic         load_done_i,
    input  logic [  2:0] load_error_i,
    input  logic [255:0] load_hash_i
);
  // registers.toml: begin

  localparam logic [31:0] Magic = 32'h424E4E46;
  localparam logic [31:0] ShellVersion = 32'd2;
  localparam logic [9:0] MagicIndex = 10'h000;
  localparam logic [9:0] VersionIndex = 10'h001;
  localparam logic [9:0] CapabilitiesIndex = 10'h002;
  localparam int unsigned CapabilitiesLoadable = 0;
  localparam logic [9:0] ControlIndex = 10'h003;
  localparam int unsigned ControlReset = 0;
  localparam int unsigned ControlClear = 1;
  localparam int unsigned ControlLoad = 2;
  localparam logic [9:0] StatusIndex = 10'h004;
  localparam int unsigned StatusBusy = 0;
  localparam int unsigned StatusPacketError = 1;
  localparam int unsigned StatusInReset = 2;
  localparam int unsigned StatusLoaded = 3;
  localparam int unsigned StatusLoading = 4;
  localparam int unsigned StatusLoadError = 8;
  localparam logic [9:0] FramesInIndex = 10'h005;
  localparam logic [9:0] FramesOutIndex = 10'h006;
  localparam logic [9:0] InStallsIndex = 10'h007;
  localparam logic [9:0] InStarvedIndex = 10'h008;
  localparam logic [9:0] OutStallsIndex = 10'h009;
  localparam logic [9:0] CycleIndex = 10'h00A;
  localparam logic [9:0] FirstInIndex = 10'h00C;
  localparam logic [9:0] FirstOutIndex = 10'h00E;
  localparam logic [9:0] LastOutIndex = 10'h010;
  localparam logic [9:0] IdentityIndex = 10'h020;
  localparam logic [9:0] WeightsIndex = 10'h030;
  localparam logic [9:0] LoadWordsIndex = 10'h038;

  // registers.toml: end
  localparam logic [31:0] Able = Capabilities | (32'(Loadable) << CapabilitiesLoadable);

  logic [15:0] reset_q;  // ones move out: a reset of 16 cycles
  logic control_reset_q, control_clear_q, control_load_q;
  logic core_reset_q, in_reset, begun_q, ended_q, error_q, busy_q, loading_q;
  // Events, a cycle late: their logic does not meet that of the counters.
  logic take_q, frame_in_q, counted_q, frame_out_q, bad_q, stall_q, idle_q, out_stall_q;
  logic [31:0] frames_in, frames_out, in_stalls, in_starved, out_stalls, high_q, high_d;
  logic [63:0] cycle, first_in_q, first_out_q, last_out_q;
  logic [31:0] status;
  logic busy;

  assign in_reset = reset_q[15];
  // High for reset, as the flip-flops' own input is: no LUT stands before its many loads. From the
  // configuration of the device on; a reset from outside arrives a cycle late.
  initial core_reset_q = 1'b1;
  assign core_rst_no = !core_reset_q;
  assign loading_o = loading_q;

  always_ff @(posedge clk_i) begin
    take_q <= in_valid_i && in_ready_i;
    stall_q <= in_valid_i && !in_ready_i;
    idle_q <= !in_valid_i && in_ready_i;
    out_stall_q <= out_valid_i && !out_ready_i;
    frame_in_q <= in_frame_i;
    counted_q <= frame_in_q;
    frame_out_q <= out_frame_i;
    bad_q <= in_error_i;
  end

  always_ff @(posedge clk_i) begin
    control_reset_q <= 1'b0;
    control_clear_q <= 1'b0;
    control_load_q <= 1'b0;
    if (!rst_ni) begin
      reset_q <= '1;
      core_reset_q <= 1'b1;
      error_q <= 1'b0;
      loading_q <= 1'b0;
    end else begin
      if (write_i && write_index_i == ControlIndex && write_strobe_i[0])
        begin
        control_reset_q <= write_data_i[ControlReset];
        control_clear_q <= write_data_i[ControlClear];
        control_load_q <= write_data_i[ControlLoad] && Loadable;
      end
      core_reset_q <= in_reset;
      if (control_reset_q || control_load_q) reset_q <= '1;
      else reset_q <= reset_q << 1;
      if (control_reset_q || control_load_q) loading_q <= control_load_q;
      else if (load_end_i) loading_q <= 1'b0;
      error_q <= (error_q || bad_q) && !in_reset;
    end
  end

  // Some four hundred flip-flops are cleared at once: each copy clears some of them.
  localparam int unsigned Clears = 4;
  logic [Clears-1:0] clear;

  for (genvar c = 0; c < Clears; c++) begin : gen_clear
    bnn_copy #(
        .Width(1),
        .Init (1'b1)
    ) u_clear (
        .clk_i,
        .rst_i (1'b0),
        .en_i  (1'b1),
        .data_i(!rst_ni || control_clear_q || in_reset),
        .data_o(clear[c])
    );
  end

  bnn_event_counter u_frames_in (
      .clk_i,
      .clear_i(clear[0]),
      .event_i(frame_in_q),
      .count_o(frames_in)
  );
  bnn_event_counter u_frames_out (
      .clk_i,
      .clear_i(clear[0]),
      .event_i(frame_out_q),
      .count_o(frames_out)
  );
  bnn_event_counter u_in_stalls (
      .clk_i,
      .clear_i(clear[0]),
      .event_i(stall_q),
      .count_o(in_stalls)
  );
  bnn_event_counter u_in_starved (
      .clk_i,
      .clear_i(clear[1]),
      .event_i(begun_q && idle_q),
      .count_o(in_starved)
  );
  bnn_event_counter u_out_stalls (
      .clk_i,
      .clear_i(clear[1]),
      .event_i(out_stall_q),
      .count_o(out_stalls)
  );
  bnn_event_counter #(
      .Parts(4),
      .Stops(1'b0)
  ) u_cycle (
      .clk_i,
      .clear_i(clear[1]),
      .event_i(1'b1),
      .count_o(cycle)
  );

  always_ff @(posedge clk_i) begin
    if (clear[2]) begin
      begun_q <= 1'b0;
      first_in_q <= '0;
      first_out_q <= '0;
    end else begin
      if (take_q && !begun_q) begin
        begun_q <= 1'b1;
        first_in_q <= cycle;
      end
      if (frame_out_q && !ended_q) first_out_q <= cycle;
    end
    if (clear[3]) begin
      ended_q <= 1'b0;
      last_out_q <= '0;
    end else begin
      if (frame_out_q) begin
        ended_q <= 1'b1;
        last_out_q <= cycle;
      end
    end
  end

  always_ff @(posedge clk_i) busy_q <= frames_in != frames_out;
  // At once after a frame, although busy_q is late.
  assign busy = frame_in_q || counted_q || busy_q;

  always_comb begin
    status = '0;
    status[StatusBusy] = busy;
    status[StatusPacketError] = error_q;
    status[StatusInReset] = in_reset;
    status[StatusLoaded] = load_done_i;
    status[StatusLoading] = loading_q;
    status[StatusLoadError+:3] = load_error_i;
  end

  // Reading, first cycle: one of eight in each group of registers.
  logic [31:0] general_q, counters_q, last_q, identity_q, hash_q, words_q;

  always_comb begin
    case (read_index_i[2:1])
      CycleIndex[2:1]: high_d = cycle[63:32];
      FirstInIndex[2:1]: high_d = first_in_q[63:32];
      FirstOutIndex[2:1]: high_d = first_out_q[63:32];
      default: high_d = last_out_q[63:32];
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (read_i && !read_index_i[0]) high_q <= high_d;
    case (read_index_i[2:0])
      MagicIndex[2:0]: general_q <= Magic;
      VersionIndex[2:0]: general_q <= ShellVersion;
      CapabilitiesIndex[2:0]: general_q <= Able;
      StatusIndex[2:0]: general_q <= status;
      FramesInIndex[2:0]: general_q <= frames_in;
      FramesOutIndex[2:0]: general_q <= frames_out;
      InStallsIndex[2:0]: general_q <= in_stalls;
      default: general_q <= '0;
    endcase
    case (read_index_i[2:0])
      InStarvedIndex[2:0]: counters_q <= in_starved;
      OutStallsIndex[2:0]: counters_q <= out_stalls;
      CycleIndex[2:0]: counters_q <= cycle[31:0];
      FirstInIndex[2:0]: counters_q <= first_in_q[31:0];
      FirstOutIndex[2:0]: counters_q <= first_out_q[31:0];
      default: counters_q <= high_q;
    endcase
    case (read_index_i[2:0])
      LastOutIndex[2:0]: last_q <= last_out_q[31:0];
      LastOutIndex[2:0] + 3'd1: last_q <= high_q;
      default: last_q <= '0;
    endcase
    identity_q <= Identity[255-32*read_index_i[2:0]-:32];
    hash_q <= Loadable ? load_hash_i[255-32*read_index_i[2:0]-:32] : '0;
    words_q <= (Loadable && read_index_i[2:0] == LoadWordsIndex[2:0]) ? LoadWords : '0;
  end

  // Second cycle: one of the groups.
  always_ff @(posedge clk_i) begin
    case (read_index_i[9:3])
      MagicIndex[9:3]: read_data_o <= general_q;
      InStarvedIndex[9:3]: read_data_o <= counters_q;
      LastOutIndex[9:3]: read_data_o <= last_q;
      IdentityIndex[9:3]: read_data_o <= identity_q;
      WeightsIndex[9:3]: read_data_o <= hash_q;
      LoadWordsIndex[9:3]: read_data_o <= words_q;
      default: read_data_o <= '0;
    endcase
  end

  logic unused;
  assign unused = &{1'b0, write_data_i[31:3], write_data_i[2] && !Loadable, write_strobe_i[3:1]};
endmodule
