// Role: the maximum or the Sum of windows along one axis: a stream of Positions positions of Inner
//       words gives one of (Positions + PadLow + PadHigh - Size) / Stride + 1 positions.
// How: Open windows of Size positions overlap; window w has slot w mod Open. A memory of Inner
//       words holds the slots' partial results, read a cycle before they are used. The phase counts
//       positions modulo Open * Stride; it says which slot begins and which has its last position.
// Padding: it takes no part in a maximum and adds 0. In front it takes no time. Of the windows that
//       reach behind the last position the first ends there, and one more in each of Tail positions
//       that read no input, Inner cycles each.
// Latency: 3 cycles after a window's last word, 4 with over 512 words in memory. Throughput: 1 word
//       a cycle in. in_ready_o leaves from a register. With Size = Stride = 1 the stream passes as
//       it is, without a register.
module bnn_pool_axis #(
    parameter int unsigned  Positions = 4,
    parameter int unsigned  Inner     = 1,
    parameter int unsigned  Size      = 2,
    parameter int unsigned  Stride    = 2,
    parameter int unsigned  PadLow    = 0,
    parameter int unsigned  PadHigh   = 0,
    parameter int unsigned  Pe        = 1,
    parameter bit           Sum       = 1'b0,
    parameter bit           Signed    = 1'b0,
    parameter int unsigned  InBits    = 1,
    parameter int unsigned  OutBits   = 1
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  in_valid_i,
    output logic                  in_ready_o,
    input  logic [ Pe*InBits-1:0] in_data_i,
    output logic                  out_valid_o,
    input  logic                  out_ready_i,
    output logic [Pe*OutBits-1:0] out_data_o
);
  localparam int unsigned Windows = (Positions + PadLow + PadHigh - Size) / Stride + 1;
  localparam int unsigned Early = (Positions - 1 + PadLow < Size) ? 0
      : (Positions - 1 + PadLow - Size) / Stride + 1;  // windows that end before the last position
  localparam int unsigned Late = Windows - Early;
  localparam int unsigned Tail = (Late > 1) ? Late - 1 : 0;
  localparam int unsigned Steps = Positions + Tail;
  localparam int unsigned Open = (Size + Stride - 1) / Stride;
  localparam int unsigned Turn = Open * Stride;
  // Whether a late window ends before its own last position.
  localparam bit Cut = Late > 0 && ((Tail > 0 && Stride > 1)
      || Early * Stride + Size - PadLow != Positions);
  localparam logic [Open-1:0] FirstEnds = Open'((Positions == 1) ? Late > 0 : PadLow == Size - 1);
  localparam logic [Open-1:0] LateEnds = Open'(1) << (Early % Open);
  localparam int unsigned AddrBits = (Inner > 1) ? $clog2(Inner) : 1;
  localparam int unsigned StepBits = $clog2(Steps + 1);
  localparam int unsigned TurnBits = (Turn > 1) ? $clog2(Turn) : 1;
  localparam int unsigned Width = Pe * OutBits;
  localparam int unsigned WordBits = AddrBits + 2 * Open + Pe * InBits;
  localparam bit Deep = Size > 1 && Inner > 512;
  localparam bit Flip = !Sum && Signed && InBits > 1;  // then the least element is 100..0

  if (Size == 1 && Stride == 1) begin : gen_as_it_is
    logic unused;
    assign unused = clk_i ^ rst_ni;
    assign in_ready_o = out_ready_i;
    assign out_valid_o = in_valid_i;
    for (genvar c = 0; c < Pe; c++) begin : gen_lane
      logic [InBits-1:0] x;
      assign x = in_data_i[c*InBits+:InBits];
      assign out_data_o[c*OutBits+:OutBits] = OutBits'($signed({Signed & x[InBits-1], x}));
    end
  end else begin : gen_windows
    logic in_valid, move, fire;
    logic behind_q;  // this position is behind the last one of the input
    logic [Pe*InBits-1:0] in_data, neutral;

    bnn_stream_reg #(
        .Width(Pe * InBits)
    ) u_in (
        .clk_i,
        .rst_ni,
        .in_valid_i,
        .in_ready_o,
        .in_data_i,
        .out_valid_o(in_valid),
        .out_ready_i(move && !behind_q),
        .out_data_o (in_data)
    );

    // ---- where the word belongs: counters with flags of what comes next ----------------------
    logic [AddrBits-1:0] addr_q;
    logic [StepBits-1:0] step_q;
    logic [TurnBits-1:0] phase_q;
    logic last_addr_q, last_step_q, last_phase_q;
    logic some_q;  // this position, or one before it, is the last one of a window
    logic [Open-1:0] begins_q, ends_q;

    assign fire = (in_valid || behind_q) && move;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        addr_q <= '0;
        last_addr_q <= Inner == 1;
      end else if (fire) begin
        addr_q <= last_addr_q ? '0 : addr_q + 1'b1;
        last_addr_q <= Inner == 1 || (!last_addr_q && addr_q == AddrBits'(Inner - 2));
      end
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        step_q <= '0;
        last_step_q <= Steps == 1;
        behind_q <= 1'b0;
        phase_q <= TurnBits'(PadLow);
        last_phase_q <= PadLow == Turn - 1;
        some_q <= PadLow == Size - 1;
        begins_q <= '1;
        ends_q <= FirstEnds;
      end else if (fire && last_addr_q) begin
        step_q <= last_step_q ? '0 : step_q + 1'b1;
        last_step_q <= Steps == 1 || (!last_step_q && step_q == StepBits'(Steps - 2));
        behind_q <= Tail > 0 && !last_step_q && (behind_q || step_q == StepBits'(Positions - 1));
        if (last_step_q) begin
          phase_q <= TurnBits'(PadLow);
          last_phase_q <= PadLow == Turn - 1;
          some_q <= PadLow == Size - 1;
          begins_q <= '1;
          ends_q <= FirstEnds;
        end else begin
          phase_q <= last_phase_q ? '0 : phase_q + 1'b1;
          last_phase_q <= Turn == 1 || phase_q == TurnBits'(Turn - 2);
          some_q <= some_q || phase_q == TurnBits'((Size + Turn - 2) % Turn);
          for (int unsigned a = 0; a < Open; a++) begin
            begins_q[a] <= phase_q == TurnBits'((a * Stride + Turn - 1) % Turn);
            // What a slot holds before its first window begins is never its result.
            ends_q[a] <= phase_q == TurnBits'((a * Stride + Size + Turn - 2) % Turn)
                && (some_q || a == 0);
          end
          if (Cut && step_q == StepBits'(Positions - 2)) ends_q <= LateEnds;
          if (Cut && (behind_q || step_q == StepBits'(Positions - 1))) begin
            ends_q <= Open'({ends_q, ends_q} >> (Open - 1));
          end
        end
      end
    end

    // ---- partial results: a word meets what is read for it ------------------------------------
    logic [Open*Width-1:0] partial, results, results_q;
    logic [WordBits-1:0] read_word_q, at_word;
    logic [Pe*InBits-1:0] word;
    logic [AddrBits-1:0] word_addr;
    logic [Open-1:0] word_begins, word_ends, done_q;
    logic read_valid_q, word_valid, out_valid_q;

    for (genvar c = 0; c < Pe; c++) begin : gen_neutral
      assign neutral[c*InBits+:InBits] = InBits'(Flip) << (InBits - 1);
    end

    assign move = !out_valid_q || out_ready_i;
    assign {word_addr, word_begins, word_ends, word} = at_word;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        read_valid_q <= 1'b0;
        out_valid_q  <= 1'b0;
      end else if (move) begin
        read_valid_q <= fire;
        out_valid_q  <= word_valid && |word_ends;
      end
      if (move) read_word_q <= {addr_q, begins_q, ends_q, behind_q ? neutral : in_data};
      if (move) done_q <= word_ends;
      if (move && word_valid) results_q <= results;
    end

    if (Inner == 1 || Size == 1) begin : gen_register
      logic unused_addr;
      assign unused_addr = ^word_addr;
      assign partial = results_q;
      assign at_word = read_word_q;
      assign word_valid = read_valid_q;
    end else begin : gen_memory
      logic [Open*Width-1:0] mem[Inner];
      logic [Open*Width-1:0] read_q;
      always_ff @(posedge clk_i) begin
        if (move) read_q <= mem[addr_q];
        if (move && word_valid) mem[word_addr] <= results;
      end
      if (Deep) begin : gen_deep
        // Several memories for a bit: what chooses between them has a cycle of its own.
        logic [Open*Width-1:0] partial_q;
        logic [WordBits-1:0] at_word_q;
        logic word_valid_q;
        always_ff @(posedge clk_i) begin
          if (!rst_ni) word_valid_q <= 1'b0;
          else if (move) word_valid_q <= read_valid_q;
          if (move) partial_q <= read_q;
          if (move) at_word_q <= read_word_q;
        end
        assign partial = partial_q;
        assign at_word = at_word_q;
        assign word_valid = word_valid_q;
      end else begin : gen_shallow
        assign partial = read_q;
        assign at_word = read_word_q;
        assign word_valid = read_valid_q;
      end
    end

    for (genvar a = 0; a < Open; a++) begin : gen_slot
      for (genvar c = 0; c < Pe; c++) begin : gen_lane
        logic [InBits-1:0] x;
        logic [OutBits-1:0] wide, so_far, result;
        assign x = word[c*InBits+:InBits];
        assign wide = OutBits'($signed({Signed & x[InBits-1], x}));
        assign so_far = partial[a*Width+c*OutBits+:OutBits];
        if (Size == 1) begin : gen_alone
          assign result = wide;
          logic unused_begins;
          assign unused_begins = word_begins[a] ^ (^so_far);
        end else if (Sum) begin : gen_sum
          assign result = (word_begins[a] ? '0 : so_far) + wide;
        end else begin : gen_max
          logic [OutBits-1:0] greatest;
          bnn_max #(
              .Bits  (OutBits),
              .Signed(Flip)
          ) u_max (
              .a_i(wide),
              .b_i(so_far),
              .y_o(greatest)
          );
          assign result = word_begins[a] ? wide : greatest;
        end
        assign results[a*Width+c*OutBits+:OutBits] = result;
      end
    end

    // ---- the slot that is complete -----------------------------------------------------------
    always_comb begin
      out_data_o = '0;
      for (int unsigned a = 0; a < Open; a++) begin
        if (Open == 1 || done_q[a]) out_data_o |= results_q[a*Width+:Width];
      end
    end
    assign out_valid_o = out_valid_q;

`ifndef SYNTHESIS
    always_ff @(posedge clk_i) begin
      if (rst_ni && !$onehot0(ends_q)) $fatal(1, "%m: two windows end at a position");
    end
    bnn_stream_check #(
        .Width(Width)
    ) u_check_out (
        .clk_i,
        .rst_ni,
        .valid_i(out_valid_o),
        .ready_i(out_ready_i),
        .data_i (out_data_o)
    );
`endif
  end
endmodule
