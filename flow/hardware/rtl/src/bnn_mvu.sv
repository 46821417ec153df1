// Role: matrix-vector unit: MH neurons of MW inputs, PE neurons and SIMD inputs at a time for
//       Pixels vectors at once, weights of 1 to 9 bits, thresholds fused or signed sums out.
// Input: a group of Pixels vectors is SF = MW/SIMD beats, pixel 0 and element 0 least significant.
//        Output: NF = MH/PE beats of Pixels x PE neurons; neuron nf*PE+pe, input sf*SIMD+simd.
// Weights: NF*SF words, address nf*SF+sf, element pe*SIMD+simd of WeightBits, signed; 1 bit: 1 is
//        +1, 0 is -1. One word serves all pixels. Thresholds: see bnn_thresholds.
// Formula, InBits = WeightBits = 1: P = sum over beats of popcount(XNOR(w, a)); a beat with
//        in_pad_i (PadFlags) counts half of its lanes. With PadFlags, odd SIMD all is doubled.
//        Steps = 1: bit = P >= T, unsigned, T as stored. Steps = 0: 2P - MW or, doubled, P - MW.
// Formula, else: acc = sum of x * w, a 1-bit x or w being -1 or +1; a beat with in_pad_i adds
//        nothing. Steps = 1: bit = acc >= T, signed. Steps = 0: acc.
// Formula, Steps > 1: code = CodeLow + #(T_k <= dot or acc), modulo 2^CodeBits; thresholds are
//        signed and ascending, element pe*Steps+k of a row, ThreshChunks = 1.
// Throughput: II = NF*SF cycles a group, no bubble between groups or frames; a group may come
//        as slowly as one beat in NF cycles. in_ready_o leaves from a register.
// Stalls: the datapath never stops; a pass begins when the output FIFO has a place for its result.
// ReadLatency: of the weights; 2 for block RAM and UltraRAM, which need their output register.
// AddrCopies: equal address registers, each for a part of a wide weight ROM in LUTs.
// Loadable: weights, then thresholds, are links of the load chain (see bnn_memory).
module bnn_mvu #(
    parameter int unsigned MW           = 8,
    parameter int unsigned MH           = 4,
    parameter int unsigned PE           = 2,
    parameter int unsigned SIMD         = 4,
    parameter int unsigned Pixels       = 1,
    parameter int unsigned InBits       = 1,
    parameter bit          InSigned     = 1'b0,
    parameter int unsigned WeightBits   = 1,
    parameter bit          PadFlags     = 1'b0,
    parameter int unsigned Steps        = 1,
    parameter int unsigned CodeBits     = 1,
    parameter int unsigned CodeLow      = 0,
    parameter int unsigned AccBits      = 8,
    parameter int unsigned ThreshBits   = 8,
    parameter int unsigned ThreshChunks = 1,
    parameter              WeightFile   = "",
    parameter              ThreshFile   = "",
    parameter              WeightStyle  = "auto",
    parameter int unsigned ReadLatency  = 1,
    parameter bit          Loadable     = 1'b0,
    parameter int unsigned AddrCopies   = 1,
    localparam int unsigned OutBits     = (Steps == 0) ? AccBits : (Steps == 1) ? 1 : CodeBits
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic                          in_valid_i,
    output logic                          in_ready_o,
    input  logic [Pixels*SIMD*InBits-1:0] in_data_i,
    input  logic [            Pixels-1:0] in_pad_i,
    output logic                          out_valid_o,
    input  logic                          out_ready_i,
    output logic [ Pixels*PE*OutBits-1:0] out_data_o,
    input  logic                          load_start_i,
    input  logic                          load_valid_i,
    input  logic [                  31:0] load_data_i,
    output logic                          load_start_o,
    output logic                          load_valid_o,
    output logic [                  31:0] load_data_o
);
  localparam int unsigned SF = MW / SIMD;
  localparam int unsigned NF = MH / PE;
  localparam int unsigned PixelBits = SIMD * InBits;
  localparam int unsigned InWidth = Pixels * PixelBits;
  localparam int unsigned ReplayWidth = InWidth + (PadFlags ? Pixels : 0);
  // Cycles from a taken beat to its place in the accumulator's operand.
  localparam bit Counts = InBits == 1 && WeightBits == 1;
  localparam int unsigned SumLatency = ReadLatency + (Counts ? 3 + $clog2((SIMD + 15) / 16)
      : (WeightBits == 1) ? ((SIMD < 3) ? SIMD : 3) + $clog2((SIMD + 2) / 3)
      : ((InBits > 1) ? 2 : 1) + $clog2(SIMD));
  // What leaves a neuron, and the cycles from there to the code.
  localparam int unsigned NeuronBits = (Steps == 1) ? 1 : AccBits;
  localparam int unsigned CodeLatency = (Steps > 1) ? 1 + ($clog2(Steps + 1) + 1) / 2 : 0;
  localparam int unsigned AddrBits = (NF * SF > 1) ? $clog2(NF * SF) : 1;
  // Results on their way when the FIFO's place for the next one must be known to be free.
  localparam int unsigned FifoDepth = (SumLatency + CodeLatency + 9) / SF + 2;

  if (PE < 1 || MH % PE != 0) begin : gen_bad_pe
    $error("bnn_mvu: PE=%0d does not divide MH=%0d", PE, MH);
  end
  if (SIMD < 1 || MW % SIMD != 0) begin : gen_bad_simd
    $error("bnn_mvu: SIMD=%0d does not divide MW=%0d", SIMD, MW);
  end
  if (Pixels < 1) begin : gen_bad_pixels
    $error("bnn_mvu: Pixels=%0d with MW=%0d; Pixels must be >= 1", Pixels, MW);
  end
  if (InBits < 1 || InBits > 16 || WeightBits < 1 || WeightBits > 9 || Steps > 255) begin : gen_bits
    $error("bnn_mvu: InBits=%0d in 1..16, WeightBits=%0d in 1..9, Steps=%0d in 0..255", InBits,
           WeightBits, Steps);
  end
  if (PadFlags && InBits != 1) begin : gen_bad_pad
    $error("bnn_mvu: PadFlags=%0d needs InBits=1, got %0d: wider inputs pad with 0", PadFlags,
           InBits);
  end
  if (Steps != 1 && Counts && AccBits < $clog2(MW + 1) + 1) begin : gen_bad_acc
    $error("bnn_mvu: AccBits=%0d cannot hold -MW..MW, MW=%0d", AccBits, MW);
  end
  if (ThreshChunks < 1 || ThreshChunks > ((Steps > 1) ? 1 : SF) || ThreshChunks > SumLatency)
  begin : gen_bad_chunks
    $error("bnn_mvu: ThreshChunks=%0d with Steps=%0d, SF=%0d, %0d cycles", ThreshChunks, Steps,
           SF, SumLatency);
  end

  // ---- input and schedule -------------------------------------------------------------------
  logic can, take, out_fire, begins_soon, sum_valid, sum_begins, sum_ends, result_valid;
  logic [InWidth-1:0] act;
  logic [Pixels-1:0] pad;
  logic [AddrCopies*AddrBits-1:0] addr;
  logic [ReplayWidth-1:0] replayed;
  logic unused_pad;

  bnn_replay #(
      .Width (ReplayWidth),
      .Beats (SF),
      .Passes(NF),
      .Latency(ReadLatency)
  ) u_replay (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i(ReplayWidth'({in_pad_i, in_data_i})),
      .can_o    (can),
      .take_i   (take),
      .data_o   (replayed)
  );
  assign {pad, act} = (Pixels + InWidth)'(replayed);
  assign unused_pad = ^in_pad_i;

  bnn_mvu_schedule #(
      .SF     (SF),
      .NF     (NF),
      .Credits(FifoDepth),
      .Latency(SumLatency),
      .Early  (ThreshChunks),
      .Copies (AddrCopies)
  ) u_schedule (
      .clk_i,
      .rst_ni,
      .can_i        (can),
      .out_fire_i   (out_fire),
      .take_o       (take),
      .addr_o       (addr),
      .begins_soon_o(begins_soon),
      .sum_valid_o  (sum_valid),
      .sum_begins_o (sum_begins),
      .sum_ends_o   (sum_ends),
      .result_o     (result_valid)
  );

  // ---- weights, and the activations that meet them ------------------------------------------
  logic [PE*SIMD*WeightBits-1:0] weight;
  logic chain_start, chain_valid;
  logic [31:0] chain_data;

  bnn_memory #(
      .Width   (PE * SIMD * WeightBits),
      .Depth   (NF * SF),
      .File    (WeightFile),
      .Style   (WeightStyle),
      .Loadable(Loadable),
      .Latency (ReadLatency),
      .Ports   (AddrCopies)
  ) u_weights (
      .clk_i,
      .rst_ni,
      .addr_i      (addr),
      .data_o      (weight),
      .load_start_i,
      .load_valid_i,
      .load_data_i,
      .load_start_o(chain_start),
      .load_valid_o(chain_valid),
      .load_data_o (chain_data)
  );

  // ---- padding flags: with the sums of XNOR lanes, or with wide weights -----------------------
  localparam int unsigned PadDelay = Counts ? SumLatency - 1 - ReadLatency : 0;
  logic [(PadDelay+1)*Pixels-1:0] pads;
  assign pads[0+:Pixels] = pad;
  for (genvar d = 1; d <= PadDelay; d++) begin : gen_pad
    always_ff @(posedge clk_i) pads[d*Pixels+:Pixels] <= pads[(d-1)*Pixels+:Pixels];
  end

  // ---- thresholds: read so that they meet the first sums of their pass ----------------------
  localparam int unsigned Limits = (Steps > 1) ? PE * Steps : PE;
  logic [Limits*ThreshBits-1:0] thresh;

  if (Steps == 0) begin : gen_no_thresh
    logic unused_soon;
    assign unused_soon = begins_soon ^ sum_ends;
    assign thresh = '0;
    assign load_start_o = chain_start;
    assign load_valid_o = chain_valid;
    assign load_data_o = chain_data;
  end else begin : gen_thresh
    // One threshold goes into the accumulator's start, several meet its end.
    bnn_thresholds #(
        .Limits  (Limits),
        .Bits    (ThreshBits),
        .Chunks  (ThreshChunks),
        .Passes  (NF),
        .File    (ThreshFile),
        .Loadable(Loadable)
    ) u_thresholds (
        .clk_i,
        .rst_ni,
        .step_i      ((Steps == 1) ? begins_soon : sum_ends),
        .thresh_o    (thresh),
        .load_start_i(chain_start),
        .load_valid_i(chain_valid),
        .load_data_i (chain_data),
        .load_start_o,
        .load_valid_o,
        .load_data_o
    );
  end

  // ---- neurons ------------------------------------------------------------------------------
  logic [Pixels*PE*NeuronBits-1:0] result;
  logic [PE*ThreshBits-1:0] start;
  assign start = thresh[PE*ThreshBits-1:0];  // with several thresholds nobody looks at it

  for (genvar m = 0; m < Pixels; m++) begin : gen_pixel
    for (genvar p = 0; p < PE; p++) begin : gen_pe
      bnn_neuron #(
          .MW        (MW),
          .SIMD      (SIMD),
          .InBits    (InBits),
          .InSigned  (InSigned),
          .WeightBits(WeightBits),
          .PadFlags  (PadFlags),
          .Threshold (Steps == 1),
          .AccBits   (AccBits),
          .ThreshBits(ThreshBits),
          .OutBits   (NeuronBits)
      ) u_neuron (
          .clk_i,
          .act_i   (act[m*PixelBits+:PixelBits]),
          .weight_i(weight[p*SIMD*WeightBits+:SIMD*WeightBits]),
          .pad_i   (pads[PadDelay*Pixels+m]),
          .valid_i (sum_valid),
          .begins_i(sum_begins),
          .thresh_i(start[p*ThreshBits+:ThreshBits]),
          .result_o(result[(m*PE+p)*NeuronBits+:NeuronBits])
      );
    end
  end

  // ---- several thresholds: from accumulators to codes ----------------------------------------
  logic [Pixels*PE*OutBits-1:0] code;
  logic code_valid;

  bnn_codes #(
      .Pixels    (Pixels),
      .PE        (PE),
      .Steps     (Steps),
      .AccBits   (NeuronBits),
      .ThreshBits(ThreshBits),
      .CodeBits  (OutBits),
      .CodeLow   (CodeLow),
      .Latency   (CodeLatency)
  ) u_codes (
      .clk_i,
      .rst_ni,
      .valid_i (result_valid),
      .acc_i   (result),
      .thresh_i(thresh),
      .valid_o (code_valid),
      .code_o  (code)
  );

  // ---- output -------------------------------------------------------------------------------
  logic fifo_ready;
  logic [31:0] unused_high_water;

  bnn_fifo #(
      .Width(Pixels * PE * OutBits),
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
    if (rst_ni && code_valid && !fifo_ready) $fatal(1, "%m: a result found no place in the FIFO");
  end
`else
  logic unused_ready;
  assign unused_ready = fifo_ready;
`endif
endmodule
