// Role: max-pool: the greatest of PoolH x PoolW pixels, for 1-bit elements their OR; the stride is
//       the pool's size. Elements of several bits are unsigned or Signed. Channel c takes the least
//       where Minimum[c]: its elements are complemented on the way in and on the way out.
// Input: row, group of Pixels pixels, channel group of Pe channels; pixel 0 is least significant.
// Output: the same order on the pooled map, OutPixels to a word: Pixels / PoolW of them or one.
// How: pixels of a beat that share a pool are joined first. Then one partial result a column
//      and group, read a cycle before it is used; the last beat of a pool sends it on.
// Latency: 3 cycles after that beat. Throughput: 1 beat a cycle in, no gap between rows or frames.
//          in_ready_o leaves from a register.
module bnn_maxpool #(
    parameter int unsigned  IfmHeight = 4,
    parameter int unsigned  IfmWidth  = 4,
    parameter int unsigned  Channels  = 2,
    parameter int unsigned  Pe        = 1,
    parameter int unsigned  PoolH     = 2,
    parameter int unsigned  PoolW     = 2,
    parameter int unsigned  Pixels    = 1,
    parameter int unsigned  ElemBits  = 1,
    parameter bit           Signed    = 1'b0,
    parameter logic [Channels-1:0] Minimum = '0,
    localparam int unsigned OutPixels = (Pixels > PoolW) ? Pixels / PoolW : 1
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    in_valid_i,
    output logic                    in_ready_o,
    input  logic [   Pixels*Pe*ElemBits-1:0] in_data_i,
    output logic                    out_valid_o,
    input  logic                    out_ready_i,
    output logic [OutPixels*Pe*ElemBits-1:0] out_data_o
);
  localparam int unsigned Joined = Pixels / OutPixels;  // pixels of a beat in one pool
  localparam int unsigned Lanes = OutPixels * Pe;
  localparam int unsigned Width = Lanes * ElemBits;
  localparam int unsigned PoolBeats = (PoolW > Pixels) ? PoolW / Pixels : 1;
  localparam int unsigned Groups = Channels / Pe;
  localparam int unsigned Depth = IfmWidth / (Pixels * PoolBeats) * Groups;
  localparam int unsigned AddrBits = (Depth > 1) ? $clog2(Depth) : 1;
  localparam int unsigned GroupBits = $clog2(Groups + 1);
  localparam int unsigned PxBits = $clog2(PoolBeats + 1);
  localparam int unsigned PyBits = $clog2(PoolH + 1);

  if (Pe < 1 || Channels % Pe != 0) begin : gen_bad_pe
    $error("bnn_maxpool: Pe=%0d does not divide Channels=%0d", Pe, Channels);
  end
  if (PoolH < 1 || IfmHeight % PoolH != 0) begin : gen_bad_height
    $error("bnn_maxpool: PoolH=%0d does not divide IfmHeight=%0d", PoolH, IfmHeight);
  end
  if (PoolW < 1 || IfmWidth % PoolW != 0) begin : gen_bad_width
    $error("bnn_maxpool: PoolW=%0d does not divide IfmWidth=%0d", PoolW, IfmWidth);
  end
  if (Pixels < 1 || IfmWidth % Pixels != 0) begin : gen_bad_pixels
    $error("bnn_maxpool: Pixels=%0d does not divide IfmWidth=%0d", Pixels, IfmWidth);
  end
  if (ElemBits > 1 && Joined > 2) begin : gen_bad_joined
    $error("bnn_maxpool: %0d pixels of %0d bits in a beat share a pool; at most 2", Joined,
           ElemBits);
  end
  if (Pixels % PoolW != 0 && PoolW % Pixels != 0) begin : gen_bad_pool
    $error("bnn_maxpool: Pixels=%0d and PoolW=%0d; one must divide the other", Pixels, PoolW);
  end

  // ---- channels that take the least: channel groups come, and go out, in order ----------------
  logic [Pe-1:0] in_flip, out_flip;
  logic out_begins;  // a result is handed on

  if (Minimum == '0) begin : gen_no_minimum
    assign in_flip  = '0;
    assign out_flip = '0;
    logic unused;
    assign unused = out_begins;
  end else if (Groups == 1) begin : gen_one_mask
    assign in_flip  = Minimum[Pe-1:0];
    assign out_flip = Minimum[Pe-1:0];
    logic unused;
    assign unused = out_begins;
  end else begin : gen_masks
    bnn_channel_mask #(
        .Channels(Channels),
        .Pe      (Pe),
        .Mask    (Minimum)
    ) u_in_mask (
        .clk_i,
        .rst_ni,
        .step_i(in_valid_i && in_ready_o),
        .mask_o(in_flip)
    );
    bnn_channel_mask #(
        .Channels(Channels),
        .Pe      (Pe),
        .Mask    (Minimum)
    ) u_out_mask (
        .clk_i,
        .rst_ni,
        .step_i(out_begins),
        .mask_o(out_flip)
    );
  end

  // ---- pixels of a beat that share a pool ---------------------------------------------------
  logic [Pixels*Pe*ElemBits-1:0] turned;
  logic [Width-1:0] joined, in_data, turned_back;
  logic in_valid, in_ready, in_fire;

  for (genvar k = 0; k < Pixels * Pe; k++) begin : gen_turned
    assign turned[k*ElemBits+:ElemBits] = in_data_i[k*ElemBits+:ElemBits]
        ^ {ElemBits{in_flip[k%Pe]}};
  end

  for (genvar o = 0; o < OutPixels; o++) begin : gen_pixel
    for (genvar c = 0; c < Pe; c++) begin : gen_channel
      if (ElemBits == 1) begin : gen_or
        logic [Joined-1:0] bits;
        for (genvar k = 0; k < Joined; k++) begin : gen_bit
          assign bits[k] = turned[(o*Joined+k)*Pe+c];
        end
        assign joined[o*Pe+c] = |bits;
      end else begin : gen_max
        bnn_max #(
            .Bits  (ElemBits),
            .Signed(Signed)
        ) u_max (
            .a_i(turned[(o*Joined*Pe+c)*ElemBits+:ElemBits]),
            .b_i(turned[((o*Joined+Joined-1)*Pe+c)*ElemBits+:ElemBits]),
            .y_o(joined[(o*Pe+c)*ElemBits+:ElemBits])
        );
      end
    end
  end

  bnn_stream_reg #(
      .Width(Width)
  ) u_in (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i  (joined),
      .out_valid_o(in_valid),
      .out_ready_i(in_ready),
      .out_data_o (in_data)
  );

  // ---- where the beat belongs: counters with flags of their last values ----------------------
  logic [AddrBits-1:0] addr_q, addr_d;
  logic [AddrBits-1:0] base_q;  // address of this output column's group 0
  logic [GroupBits-1:0] group_q;
  logic [PxBits-1:0] px_q;  // beat within the pool's row
  logic [PyBits-1:0] py_q;  // row within the pool
  logic last_group_q, last_px_q, last_py_q, last_addr_q, first_q, back;

  assign back = last_group_q && !last_px_q;
  // The choice comes before the sum: what follows a carry chain makes a path long.
  assign addr_d = (back ? base_q : last_addr_q ? '0 : addr_q)
      + AddrBits'(!back && !last_addr_q);
  assign in_fire = in_valid && in_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      addr_q <= '0;
      base_q <= '0;
      group_q <= '0;
      px_q <= '0;
      py_q <= '0;
      last_group_q <= Groups == 1;
      last_px_q <= PoolBeats == 1;
      last_py_q <= PoolH == 1;
      last_addr_q <= Depth == 1;
      first_q <= 1'b1;
    end else if (in_fire) begin
      group_q <= (last_group_q ? '0 : group_q) + GroupBits'(!last_group_q);
      last_group_q <= Groups == 1 || group_q == GroupBits'(Groups - 2);
      addr_q <= addr_d;
      // With one group the address does not change before the pool's row ends.
      if (Groups > 1 || last_px_q) last_addr_q <= Depth == 1 || addr_q == AddrBits'(Depth - 2);
      if (last_group_q) begin
        px_q <= (last_px_q ? '0 : px_q) + PxBits'(!last_px_q);
        last_px_q <= PoolBeats == 1 || px_q == PxBits'(PoolBeats - 2);
        if (last_px_q) begin
          base_q <= addr_d;
          if (last_addr_q) begin
            py_q <= (last_py_q ? '0 : py_q) + PyBits'(!last_py_q);
            last_py_q <= PoolH == 1 || py_q == PyBits'(PoolH - 2);
          end
        end
        // The pool's first row, and in it the first pixels.
        first_q <= last_px_q && ((last_addr_q) ? last_py_q : py_q == '0);
      end
    end
  end

  // ---- partial results ----------------------------------------------------------------------
  logic [Width-1:0] mem[Depth];
  logic beat_valid_q, begins_q, ends_q, again_q, valid_q, beat_fire;
  logic [AddrBits-1:0] beat_addr_q;
  logic [Width-1:0] beat_q, read_q, partial, greatest, pooled, last_q, data_q;

  // The word that the beat before has just written was read too early.
  assign partial = again_q ? last_q : read_q;
  assign pooled = begins_q ? beat_q : greatest;

  if (ElemBits == 1) begin : gen_or
    assign greatest = beat_q | partial;
  end else begin : gen_max
    for (genvar c = 0; c < Lanes; c++) begin : gen_lane
      bnn_max #(
          .Bits  (ElemBits),
          .Signed(Signed)
      ) u_max (
          .a_i(beat_q[c*ElemBits+:ElemBits]),
          .b_i(partial[c*ElemBits+:ElemBits]),
          .y_o(greatest[c*ElemBits+:ElemBits])
      );
    end
  end

  for (genvar c = 0; c < Lanes; c++) begin : gen_turned_back
    assign turned_back[c*ElemBits+:ElemBits] = pooled[c*ElemBits+:ElemBits]
        ^ {ElemBits{out_flip[c%Pe]}};
  end

  assign in_ready = !beat_valid_q || !ends_q || !valid_q || out_ready_i;
  assign beat_fire = beat_valid_q && in_ready;
  assign out_begins = beat_fire && ends_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_valid_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (in_ready) beat_valid_q <= in_valid;
      if (out_begins) valid_q <= 1'b1;
      else if (out_ready_i) valid_q <= 1'b0;
    end
    if (in_fire) begin
      beat_q <= in_data;
      beat_addr_q <= addr_q;
      begins_q <= first_q;
      ends_q <= last_px_q && last_py_q;
      again_q <= Groups == 1 && (px_q != '0 || Depth == 1);
    end
  end

  always_ff @(posedge clk_i) begin
    if (in_fire) read_q <= mem[addr_q];
    if (beat_fire) mem[beat_addr_q] <= pooled;
    if (beat_fire) last_q <= pooled;
    if (out_begins) data_q <= turned_back;
  end

  assign out_valid_o = valid_q;
  assign out_data_o = data_q;

`ifndef SYNTHESIS
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
endmodule
