// Role: feeds every vector of Beats beats Passes times to a matrix-vector unit, while the next
//       vector already comes in.
// How: a ring of two vectors. In its first pass a word may be read in the cycle after the ring
//      knows of it; in its last pass it gives its place back. With one pass no memory is needed.
//      Counters see writes a cycle late, so that no adder waits for another.
// Handshake: can_o says that the next beat is there; take_i takes it, and data_o shows it Latency
//            (1 or 2) cycles later.
// Throughput: 1 beat a cycle. in_ready_o leaves from a register.
module bnn_replay #(
    parameter int unsigned Width    = 8,
    parameter int unsigned Beats    = 4,
    parameter int unsigned Passes   = 2,
    parameter int unsigned Latency  = 1,
    parameter              RamStyle = "auto"
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             in_valid_i,
    output logic             in_ready_o,
    input  logic [Width-1:0] in_data_i,
    output logic             can_o,
    input  logic             take_i,
    output logic [Width-1:0] data_o
);
  logic [Width-1:0] data_q;

  if (Beats < 1 || Passes < 1) begin : gen_illegal
    $error("bnn_replay: Beats=%0d, Passes=%0d; both must be >= 1", Beats, Passes);
  end

  if (Passes == 1) begin : gen_direct
    logic [Width-1:0] reg_data;

    bnn_stream_reg #(
        .Width(Width)
    ) u_in (
        .clk_i,
        .rst_ni,
        .in_valid_i,
        .in_ready_o,
        .in_data_i,
        .out_valid_o(can_o),
        .out_ready_i(take_i),
        .out_data_o (reg_data)
    );
    always_ff @(posedge clk_i) if (take_i) data_q <= reg_data;
  end else begin : gen_ring
    // A power of two wraps by itself. Short vectors get spare places: it takes some cycles until a
    // freed one is seen.
    localparam int unsigned AddrBits = (Beats < 8) ? $clog2(2 * Beats + 6) : $clog2(2 * Beats);
    localparam int unsigned Depth = 1 << AddrBits;
    localparam int unsigned CountBits = $clog2(Depth + 1);
    localparam int unsigned BeatBits = (Beats > 1) ? $clog2(Beats) : 1;
    localparam int unsigned PassBits = $clog2(Passes);

    (* ram_style = RamStyle *)
    logic [Width-1:0] mem[Depth];
    logic [AddrBits-1:0] wr_addr_q, rd_addr_q, base_q;
    logic [CountBits-1:0] used_q;  // places in use, as known a cycle ago
    logic [CountBits-1:0] fresh_q;  // words known and not yet read once
    logic [BeatBits-1:0] beat_q;
    logic [PassBits-1:0] pass_q;
    logic ready_q, fresh_some_q, first_pass_q, last_pass_q, last_beat_q;
    logic wr_fire, written_q, freed_q, take_fresh, again;

    assign wr_fire = in_valid_i && ready_q;
    assign take_fresh = take_i && first_pass_q;
    assign again = last_beat_q && !last_pass_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        wr_addr_q <= '0;
        rd_addr_q <= '0;
        base_q <= '0;
        used_q <= '0;
        fresh_q <= '0;
        beat_q <= '0;
        pass_q <= '0;
        ready_q <= 1'b0;
        written_q <= 1'b0;
        freed_q <= 1'b0;
        fresh_some_q <= 1'b0;
        first_pass_q <= 1'b1;
        last_pass_q <= 1'b0;
        last_beat_q <= Beats == 1;
      end else begin
        if (wr_fire) wr_addr_q <= wr_addr_q + 1'b1;
        written_q <= wr_fire;
        freed_q   <= take_i && last_pass_q;
        // One more or one less.
        if (written_q != freed_q) used_q <= used_q + {{(CountBits - 1) {freed_q}}, 1'b1};
        // Two writes may not be counted yet, and a third comes with this ready.
        ready_q <= used_q <= CountBits'(Depth - 3);
        if (written_q != take_fresh) begin
          fresh_q <= fresh_q + {{(CountBits - 1) {take_fresh}}, 1'b1};
        end
        fresh_some_q <= fresh_q > 1 || written_q || (fresh_q[0] && !take_fresh);
        if (take_i) begin
          beat_q <= (last_beat_q ? '0 : beat_q) + BeatBits'(!last_beat_q);
          last_beat_q <= Beats == 1 || (!last_beat_q && beat_q == BeatBits'(Beats - 2));
          rd_addr_q <= (again ? base_q : rd_addr_q) + AddrBits'(!again);
          if (last_beat_q) begin
            pass_q <= (last_pass_q ? '0 : pass_q) + PassBits'(!last_pass_q);
            first_pass_q <= last_pass_q;
            last_pass_q <= pass_q == PassBits'(Passes - 2);
            if (last_pass_q) base_q <= rd_addr_q + 1'b1;
          end
        end
      end
    end

    always_ff @(posedge clk_i) begin
      if (wr_fire) mem[wr_addr_q] <= in_data_i;
      if (take_i) data_q <= mem[rd_addr_q];
    end

    assign in_ready_o = ready_q;
    assign can_o = fresh_some_q || !first_pass_q;

`ifndef SYNTHESIS
    always_ff @(posedge clk_i) begin
      if (rst_ni && 32'(used_q) + 32'(written_q) + 32'(wr_fire) > Depth + 32'(freed_q)) begin
        $fatal(1, "%m: more than %0d", Depth);
      end
      if (rst_ni && take_i && !can_o) $fatal(1, "%m: beat taken that is not there");
    end
`endif
  end

  if (Latency == 2) begin : gen_later
    logic [Width-1:0] later_q;
    always_ff @(posedge clk_i) later_q <= data_q;
    assign data_o = later_q;
  end else begin : gen_now
    assign data_o = data_q;
  end
endmodule
