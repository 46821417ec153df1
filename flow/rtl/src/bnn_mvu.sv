// Role: matrix-vector unit with 1-bit weights: MH neurons of MW inputs, PE neurons and SIMD inputs
//       at a time, thresholds fused or signed sums out.
// Input: a vector is SF = MW/SIMD beats, element 0 least significant. Output: NF = MH/PE beats of
//        PE neurons; neuron nf*PE+pe, input sf*SIMD+simd.
// Weights: ROM of NF*SF words, address nf*SF+sf, bit pe*SIMD+simd; 1 is +1, 0 is -1.
// Formula, InBits = 1: P = sum over beats of popcount(XNOR(w, a)); a beat with in_pad_i
//        (PadFlags) counts half of its lanes. With PadFlags and an odd SIMD everything is doubled.
//        Threshold: bit = P >= T, unsigned, T as stored. Else dot = 2P - MW (or P - MW, doubled).
// Formula, InBits > 1: acc = sum of +-x; Threshold: bit = acc >= T, signed. Else acc.
// Throughput: II = NF*SF cycles a vector, no bubble between vectors or frames; a vector may come
//        as slowly as one beat in NF cycles. in_ready_o leaves from a register.
// Stalls: the datapath never stops; a pass begins when the output FIFO has a place for its result.
module bnn_mvu #(
    parameter int unsigned MW          = 8,
    parameter int unsigned MH          = 4,
    parameter int unsigned PE          = 2,
    parameter int unsigned SIMD        = 4,
    parameter int unsigned InBits      = 1,
    parameter bit          InSigned    = 1'b0,
    parameter bit          PadFlags    = 1'b0,
    parameter bit          Threshold   = 1'b1,
    parameter int unsigned AccBits     = 8,
    parameter int unsigned ThreshBits  = 8,
    parameter              WeightFile  = "",
    parameter              ThreshFile  = "",
    parameter              WeightStyle = "auto",
    localparam int unsigned OutBits    = Threshold ? 1 : AccBits
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   in_valid_i,
    output logic                   in_ready_o,
    input  logic [SIMD*InBits-1:0] in_data_i,
    input  logic                   in_pad_i,
    output logic                   out_valid_o,
    input  logic                   out_ready_i,
    output logic [ PE*OutBits-1:0] out_data_o
);
  localparam int unsigned SF = MW / SIMD;
  localparam int unsigned NF = MH / PE;
  localparam int unsigned InWidth = SIMD * InBits;
  // Cycles from a taken beat to its place in the accumulator's operand.
  localparam int unsigned SumLatency = (InBits == 1) ? 2 + $clog2((SIMD + 17) / 18)
      : 1 + $clog2(SIMD);
  localparam int unsigned SfBits = $clog2(SF + 1);
  localparam int unsigned NfBits = (NF > 1) ? $clog2(NF) : 1;
  localparam int unsigned AddrBits = (NF * SF > 1) ? $clog2(NF * SF) : 1;
  // Results on their way when the FIFO's place for the next one must be known to be free.
  localparam int unsigned FifoDepth = (SumLatency + 8) / SF + 2;
  localparam int unsigned CreditBits = $clog2(FifoDepth + 1);

  if (PE < 1 || MH % PE != 0) begin : gen_bad_pe
    $error("bnn_mvu: PE=%0d does not divide MH=%0d", PE, MH);
  end
  if (SIMD < 1 || MW % SIMD != 0) begin : gen_bad_simd
    $error("bnn_mvu: SIMD=%0d does not divide MW=%0d", SIMD, MW);
  end
  if (InBits < 1 || InBits > 8) begin : gen_bad_in_bits
    $error("bnn_mvu: InBits=%0d with MW=%0d; InBits must be 1 to 8", InBits, MW);
  end
  if (PadFlags && InBits != 1) begin : gen_bad_pad
    $error("bnn_mvu: PadFlags=%0d needs InBits=1, got %0d: wider inputs pad with 0", PadFlags,
           InBits);
  end
  if (!Threshold && InBits == 1 && AccBits < $clog2(MW + 1) + 1) begin : gen_bad_acc
    $error("bnn_mvu: AccBits=%0d cannot hold -MW..MW, MW=%0d", AccBits, MW);
  end

  // ---- input and schedule -------------------------------------------------------------------
  logic can, take, last_sf, credit_some_q, out_fire, begins;
  logic [InWidth-1:0] act;
  logic pad;
  logic [SfBits-1:0] sf_q;
  logic [NfBits-1:0] nf_q;
  logic [AddrBits-1:0] addr_q;
  logic [CreditBits-1:0] credit_q, credit_d;

  if (PadFlags) begin : gen_flagged
    bnn_replay #(
        .Width (InWidth + 1),
        .Beats (SF),
        .Passes(NF)
    ) u_replay (
        .clk_i,
        .rst_ni,
        .in_valid_i,
        .in_ready_o,
        .in_data_i({in_pad_i, in_data_i}),
        .can_o    (can),
        .take_i   (take),
        .data_o   ({pad, act})
    );
  end else begin : gen_plain
    bnn_replay #(
        .Width (InWidth),
        .Beats (SF),
        .Passes(NF)
    ) u_replay (
        .clk_i,
        .rst_ni,
        .in_valid_i,
        .in_ready_o,
        .in_data_i,
        .can_o (can),
        .take_i(take),
        .data_o(act)
    );
    logic unused_pad;
    assign unused_pad = in_pad_i;
    assign pad = 1'b0;
  end

  assign begins = sf_q == '0;
  assign last_sf = sf_q == SfBits'(SF - 1);
  assign take = can && (!begins || credit_some_q);
  assign credit_d = credit_q + CreditBits'(out_fire) - CreditBits'(take && begins);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sf_q <= '0;
      nf_q <= '0;
      addr_q <= '0;
      credit_q <= CreditBits'(FifoDepth);
      credit_some_q <= 1'b0;
    end else begin
      credit_q <= credit_d;
      credit_some_q <= credit_d != '0;
      if (take) begin
        sf_q   <= last_sf ? '0 : sf_q + 1'b1;
        addr_q <= (addr_q == AddrBits'(NF * SF - 1)) ? '0 : addr_q + 1'b1;
        if (last_sf) nf_q <= (nf_q == NfBits'(NF - 1)) ? '0 : nf_q + 1'b1;
      end
    end
  end

  // ---- weights ------------------------------------------------------------------------------
  logic [PE*SIMD-1:0] weight;

  bnn_rom #(
      .Width   (PE * SIMD),
      .Depth   (NF * SF),
      .File    (WeightFile),
      .RomStyle(WeightStyle)
  ) u_weights (
      .clk_i,
      .en_i  (take),
      .addr_i(addr_q),
      .data_o(weight)
  );

  // ---- what travels beside the datapath: [0] with act and weight, [SumLatency] with the sums --
  logic [SumLatency:0] valid_q, begins_q, ends_q;
  logic [SumLatency-1:0] pad_q;
  logic [SumLatency*NfBits-1:0] nf_pipe_q;
  logic result_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q  <= '0;
      result_q <= 1'b0;
    end else begin
      valid_q  <= {valid_q[SumLatency-1:0], take};
      result_q <= valid_q[SumLatency] && ends_q[SumLatency];
    end
    begins_q <= {begins_q[SumLatency-1:0], begins};
    ends_q <= {ends_q[SumLatency-1:0], last_sf};
    nf_pipe_q <= (SumLatency * NfBits)'({nf_pipe_q, nf_q});
  end

  logic unused_flag;
  assign unused_flag = pad_q[SumLatency-1];
  assign pad_q[0] = pad;
  for (genvar d = 1; d < SumLatency; d++) begin : gen_pad
    always_ff @(posedge clk_i) pad_q[d] <= pad_q[d-1];
  end

  // ---- thresholds: read so that they meet the first sums of their pass ----------------------
  logic [PE*ThreshBits-1:0] thresh;

  if (Threshold) begin : gen_thresh
    bnn_rom #(
        .Width   (PE * ThreshBits),
        .Depth   (NF),
        .File    (ThreshFile),
        .RomStyle("auto")
    ) u_thresholds (
        .clk_i,
        .en_i  (1'b1),
        .addr_i(nf_pipe_q[(SumLatency-1)*NfBits+:NfBits]),
        .data_o(thresh)
    );
  end else begin : gen_no_thresh
    logic unused_nf;
    assign unused_nf = ^nf_pipe_q;
    assign thresh = '0;
  end

  // ---- neurons ------------------------------------------------------------------------------
  logic [PE*OutBits-1:0] result;

  for (genvar p = 0; p < PE; p++) begin : gen_pe
    if (InBits == 1) begin : gen_xnor
      bnn_xnor_neuron #(
          .MW        (MW),
          .SIMD      (SIMD),
          .PadFlags  (PadFlags),
          .Threshold (Threshold),
          .ThreshBits(ThreshBits),
          .OutBits   (OutBits)
      ) u_neuron (
          .clk_i,
          .act_i   (act),
          .weight_i(weight[p*SIMD+:SIMD]),
          .pad_i   (pad_q[SumLatency-1]),
          .valid_i (valid_q[SumLatency]),
          .begins_i(begins_q[SumLatency]),
          .thresh_i(thresh[p*ThreshBits+:ThreshBits]),
          .result_o(result[p*OutBits+:OutBits])
      );
    end else begin : gen_addsub
      bnn_addsub_neuron #(
          .SIMD      (SIMD),
          .InBits    (InBits),
          .InSigned  (InSigned),
          .Threshold (Threshold),
          .AccBits   (AccBits),
          .ThreshBits(ThreshBits),
          .OutBits   (OutBits)
      ) u_neuron (
          .clk_i,
          .act_i   (act),
          .weight_i(weight[p*SIMD+:SIMD]),
          .valid_i (valid_q[SumLatency]),
          .begins_i(begins_q[SumLatency]),
          .thresh_i(thresh[p*ThreshBits+:ThreshBits]),
          .result_o(result[p*OutBits+:OutBits])
      );
    end
  end

  // ---- output -------------------------------------------------------------------------------
  logic fifo_ready;
  logic [31:0] unused_high_water;

  bnn_fifo #(
      .Width(PE * OutBits),
      .Depth(FifoDepth)
  ) u_out (
      .clk_i,
      .rst_ni,
      .in_valid_i  (result_q),
      .in_ready_o  (fifo_ready),
      .in_data_i   (result),
      .out_valid_o,
      .out_ready_i,
      .out_data_o,
      .high_water_o(unused_high_water)
  );
  assign out_fire = out_valid_o && out_ready_i;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni && result_q && !fifo_ready) $fatal(1, "%m: a result found no place in the FIFO");
  end
`else
  logic unused_ready;
  assign unused_ready = fifo_ready;
`endif
endmodule
