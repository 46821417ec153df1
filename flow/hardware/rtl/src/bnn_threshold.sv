// Role: several thresholds a channel, on a stream that no matrix-vector unit gives: elements to
//       codes.
// Input: words of Pe channels, channel group after channel group; elements are unsigned or
//       InSigned, 1-bit ones are -1 or +1. Output: the same order, CodeBits an element; with Steps
//       = 1 a bit.
// Formula: code = CodeLow + #(T_k <= x), modulo 2^CodeBits; T ascends. In a channel that falls it
//       is CodeLow + #(T_k >= x), as #(~T_k <= ~x) with the complements of T, ascending.
// Memory: a row for each channel group: element p*Steps+k of ThreshBits, signed, and with Falls
//       above them a bit for each channel: whether it falls.
// Stalls: the comparison never stops; a word is taken when the output FIFO has a place for it.
// Latency: ReadLatency + 2 cycles of the FIFO + 2 + ceil(clog2(Steps + 1) / 2). Throughput: 1 word
//       a cycle. in_ready_o leaves from a register.
// ReadLatency: 2 for block RAM, which needs its output register. Loadable: a link of the load chain
//       (see bnn_memory).
module bnn_threshold #(
    parameter int unsigned Channels    = 4,
    parameter int unsigned Pe          = 2,
    parameter int unsigned InBits      = 4,
    parameter bit          InSigned    = 1'b0,
    parameter int unsigned Steps       = 3,
    parameter int unsigned CodeBits    = 2,
    parameter int unsigned CodeLow     = 0,
    parameter bit          Falls       = 1'b0,
    parameter int unsigned ThreshBits  = 6,
    parameter              ThreshFile  = "",
    parameter              ThreshStyle = "distributed",
    parameter int unsigned ReadLatency = 1,
    parameter bit          Loadable    = 1'b0
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   in_valid_i,
    output logic                   in_ready_o,
    input  logic [  Pe*InBits-1:0] in_data_i,
    output logic                   out_valid_o,
    input  logic                   out_ready_i,
    output logic [Pe*CodeBits-1:0] out_data_o,
    input  logic                   load_start_i,
    input  logic                   load_valid_i,
    input  logic [           31:0] load_data_i,
    output logic                   load_start_o,
    output logic                   load_valid_o,
    output logic [           31:0] load_data_o
);
  localparam int unsigned Groups = Channels / Pe;
  localparam int unsigned AddrBits = (Groups > 1) ? $clog2(Groups) : 1;
  localparam int unsigned RowBits = Pe * Steps * ThreshBits + (Falls ? Pe : 0);
  localparam bit PlusMinus = InBits == 1;  // 01 or 11
  localparam int unsigned ValueBits = (InSigned && !PlusMinus) ? InBits : InBits + 1;  // signed
  localparam int unsigned CodeLatency = 1 + ($clog2(Steps + 1) + 1) / 2;
  localparam int unsigned Latency = ReadLatency + CodeLatency;
  localparam int unsigned FifoDepth = Latency + 6;  // words on their way until a place is free

  if (Pe < 1 || Channels % Pe != 0) begin : gen_bad_pe
    $error("bnn_threshold: Pe=%0d does not divide Channels=%0d", Pe, Channels);
  end
  if (Steps < 1 || Steps > 255 || InBits < 1 || InBits > 30) begin : gen_bad_steps
    $error("bnn_threshold: Steps=%0d in 1..255, InBits=%0d in 1..30", Steps, InBits);
  end

  // ---- a word, and the row of its channel group ----------------------------------------------
  logic word_valid, take, out_fire, code_valid, row_begins, result_begins, result_ends, late_result;
  logic unused_schedule;
  logic [Pe*InBits-1:0] word;
  logic [AddrBits-1:0] addr;
  logic [RowBits-1:0] row;
  logic [ReadLatency*Pe*InBits-1:0] words_q;

  bnn_stream_reg #(
      .Width(Pe * InBits)
  ) u_in (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .out_valid_o(word_valid),
      .out_ready_i(take),
      .out_data_o (word)
  );

  bnn_mvu_schedule #(
      .SF     (1),
      .NF     (Groups),
      .Credits(FifoDepth),
      .Latency(Latency),
      .Early  (1)
  ) u_schedule (
      .clk_i,
      .rst_ni,
      .can_i        (word_valid),
      .out_fire_i   (out_fire),
      .take_o       (take),
      .addr_o       (addr),
      .begins_soon_o(row_begins),
      .sum_valid_o  (code_valid),
      .sum_begins_o (result_begins),
      .sum_ends_o   (result_ends),
      .result_o     (late_result)
  );
  assign unused_schedule = ^{row_begins, result_begins, result_ends, late_result};

  bnn_memory #(
      .Width   (RowBits),
      .Depth   (Groups),
      .File    (ThreshFile),
      .Style   (ThreshStyle),
      .Loadable(Loadable),
      .Latency (ReadLatency)
  ) u_thresholds (
      .clk_i,
      .rst_ni,
      .addr_i(addr),
      .data_o(row),
      .load_start_i,
      .load_valid_i,
      .load_data_i,
      .load_start_o,
      .load_valid_o,
      .load_data_o
  );

  always_ff @(posedge clk_i) words_q <= (ReadLatency * Pe * InBits)'({words_q, word});

  // ---- codes ----------------------------------------------------------------------------------
  logic [Pe*CodeBits-1:0] code;

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    logic [InBits-1:0] x;
    logic [ValueBits-1:0] value;
    logic falls;
    assign x = words_q[((ReadLatency-1)*Pe+p)*InBits+:InBits];
    if (Falls) begin : gen_falls
      assign falls = row[Pe*Steps*ThreshBits+p];
    end else begin : gen_rises
      assign falls = 1'b0;
    end
    if (PlusMinus) begin : gen_plus_minus
      assign value = {!x[0], 1'b1};
    end else if (InSigned) begin : gen_signed
      assign value = x;
    end else begin : gen_unsigned
      assign value = {1'b0, x};
    end
    bnn_multi_threshold #(
        .Steps     (Steps),
        .AccBits   (ValueBits),
        .ThreshBits(ThreshBits),
        .CodeBits  (CodeBits),
        .CodeLow   (CodeLow)
    ) u_code (
        .clk_i,
        .acc_i   (value ^ {ValueBits{falls}}),
        .thresh_i(row[p*Steps*ThreshBits+:Steps*ThreshBits]),
        .code_o  (code[p*CodeBits+:CodeBits])
    );
  end

  // ---- output ---------------------------------------------------------------------------------
  logic fifo_ready;
  logic [31:0] unused_high_water;

  bnn_fifo #(
      .Width(Pe * CodeBits),
      .Depth(FifoDepth)
  ) u_out (
      .clk_i,
      .rst_ni,
      .in_valid_i  (code_valid),
      .in_ready_o  (fifo_ready),
      .in_data_i   (code),
      .out_valid_o,
      .out_ready_i,
      .out_data_o,
      .high_water_o(unused_high_water)
  );
  assign out_fire = out_valid_o && out_ready_i;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni && code_valid && !fifo_ready) $fatal(1, "%m: a code found no place in the FIFO");
  end
`else
  logic unused_ready;
  assign unused_ready = fifo_ready;
`endif
endmodule
