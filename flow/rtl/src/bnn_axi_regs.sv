// Role: what the driver reads and controls: identity, status, counters, soft reset.
// Registers (byte address): 000 magic "BNNF", 004 version, 008 capabilities, 00C control (write),
//   010 status, 014 frames in, 018 frames out, 01C input stalls, 020 input starved, 024 output
//   stalls,
//   028 cycle, 030 first beat in, 038 end of first frame out, 040 end of last frame out (64 bit
//   each,
//   low word first; reading the low word holds the high one), 080-09F identity, most significant
//   word first. Everything else reads 0. 0C0-0FF are kept for loadable weights.
// Control: bit 0 soft reset (16 cycles, clears the counters too), bit 1 clear the counters.
// Status: bit 0 frames inside, bit 1 an input packet ended inside a frame, bit 2 in soft reset.
// Stall counters stop at their highest value.
module bnn_axi_regs #(
    parameter logic [255:0] Identity     = '0,
    parameter logic [ 31:0] Version      = 32'd1,
    parameter logic [ 31:0] Capabilities = 32'd0
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        write_i,
    input  logic [ 9:0] write_index_i,
    input  logic [31:0] write_data_i,
    input  logic [ 3:0] write_strobe_i,
    input  logic        read_i,
    input  logic [ 9:0] read_index_i,
    output logic [31:0] read_data_o,
    output logic        core_rst_no,
    input  logic        in_valid_i,      // handshakes of the two AXI streams
    input  logic        in_ready_i,
    input  logic        in_frame_i,
    input  logic        in_error_i,
    input  logic        out_valid_i,
    input  logic        out_ready_i,
    input  logic        out_frame_i
);
  localparam logic [31:0] Magic = 32'h424E_4E46;
  localparam logic [9:0] ControlIndex = 10'h003;

  logic [3:0] reset_q;
  logic core_rst_q, in_reset, clear, begun_q, ended_q, error_q, busy;
  logic [31:0] frames_in_q, frames_out_q, in_stall_q, in_starved_q, out_stall_q, high_q, high_d;
  logic [63:0] cycle_q, first_in_q, first_out_q, last_out_q, wide;
  logic control;
  logic [31:0] identity_word;

  assign control = write_i && write_index_i == ControlIndex && write_strobe_i[0];
  assign in_reset = reset_q != '0;
  assign clear = (control && write_data_i[1]) || in_reset;
  assign core_rst_no = core_rst_q && rst_ni;  // at once, also before the first clock edge
  assign busy = frames_in_q != frames_out_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      reset_q <= '1;
      core_rst_q <= 1'b0;
      error_q <= 1'b0;
    end else begin
      core_rst_q <= !in_reset;
      if (control && write_data_i[0]) reset_q <= '1;
      else if (in_reset) reset_q <= reset_q - 1'b1;
      error_q <= (error_q || in_error_i) && !in_reset;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear) begin
      cycle_q <= '0;
      frames_in_q <= '0;
      frames_out_q <= '0;
      in_stall_q <= '0;
      in_starved_q <= '0;
      out_stall_q <= '0;
      begun_q <= 1'b0;
      ended_q <= 1'b0;
      first_in_q <= '0;
      first_out_q <= '0;
      last_out_q <= '0;
    end else begin
      cycle_q <= cycle_q + 1'b1;
      if (in_frame_i) frames_in_q <= frames_in_q + 1'b1;
      if (out_frame_i) frames_out_q <= frames_out_q + 1'b1;
      if (in_valid_i && !in_ready_i && in_stall_q != '1) in_stall_q <= in_stall_q + 1'b1;
      if (begun_q && !in_valid_i && in_ready_i && in_starved_q != '1)
        in_starved_q <= in_starved_q + 1'b1;
      if (out_valid_i && !out_ready_i && out_stall_q != '1) out_stall_q <= out_stall_q + 1'b1;
      if (in_valid_i && in_ready_i && !begun_q) begin
        begun_q <= 1'b1;
        first_in_q <= cycle_q;
      end
      if (out_frame_i) begin
        ended_q <= 1'b1;
        last_out_q <= cycle_q;
        if (!ended_q) first_out_q <= cycle_q;
      end
    end
  end

  always_comb begin
    case (read_index_i[2:1])  // 028, 030, 038, 040
      2'd1: wide = cycle_q;
      2'd2: wide = first_in_q;
      2'd3: wide = first_out_q;
      default: wide = last_out_q;
    endcase
  end

  always_comb begin
    identity_word = Identity[255:224];
    for (int k = 1; k < 8; k++) begin
      if (read_index_i[2:0] == 3'(k)) identity_word = Identity[255-32*k-:32];
    end
  end

  always_comb begin
    high_d = wide[63:32];
    case (read_index_i)
      10'h000: read_data_o = Magic;
      10'h001: read_data_o = Version;
      10'h002: read_data_o = Capabilities;
      10'h004: read_data_o = {29'd0, in_reset, error_q, busy};
      10'h005: read_data_o = frames_in_q;
      10'h006: read_data_o = frames_out_q;
      10'h007: read_data_o = in_stall_q;
      10'h008: read_data_o = in_starved_q;
      10'h009: read_data_o = out_stall_q;
      10'h00A, 10'h00C, 10'h00E, 10'h010: read_data_o = wide[31:0];
      10'h00B, 10'h00D, 10'h00F, 10'h011: read_data_o = high_q;
      default: read_data_o = (read_index_i[9:3] == 7'h04) ? identity_word : '0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (read_i && !read_index_i[0]) high_q <= high_d;
  end

  logic unused_write;
  assign unused_write = &{1'b0, write_data_i[31:2], write_strobe_i[3:1]};
endmodule
