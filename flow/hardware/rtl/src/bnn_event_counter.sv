// Role: counts events; stops at its highest value, or goes round.
// How: in Parts parts of PartBits bits. Whether all parts below one are at their end is known an
//      event ahead, so that no carry chain is longer than a part.
// Latency: 1 cycle. Throughput: 1 event a cycle.
module bnn_event_counter #(
    parameter int unsigned  Parts    = 2,
    parameter int unsigned  PartBits = 16,
    parameter bit           Stops    = 1'b1,
    localparam int unsigned Width    = Parts * PartBits
) (
    input  logic             clk_i,
    input  logic             clear_i,
    input  logic             event_i,
    output logic [Width-1:0] count_o
);
  localparam logic [PartBits-1:0] LastButOne = {{PartBits - 1{1'b1}}, 1'b0};

  if (Parts < 2 || PartBits < 2) begin : gen_illegal
    $error("bnn_event_counter: Parts=%0d, PartBits=%0d; both must be >= 2", Parts, PartBits);
  end

  logic [Width-1:0] count_q;
  logic [Parts-1:0] full_q;   // bit k > 0: part k is all ones. It stays so for many events: it may
                              // be a cycle late
  logic [Parts:0] carry_q;    // bit k: all parts below k are all ones; bit 0 always
  logic [Parts:0] below;
  logic count;

  assign count = event_i && !(Stops && carry_q[Parts]);
  always_comb begin
    below = '0;
    below[1] = count_q[PartBits-1:0] == LastButOne;
    for (int k = 1; k < Parts; k++) below[k+1] = below[k] && full_q[k];
  end

  always_ff @(posedge clk_i) begin
    full_q[0] <= 1'b1;
    for (int k = 1; k < Parts; k++) full_q[k] <= count_q[PartBits*k+:PartBits] == '1;
    carry_q[0] <= 1'b1;
    if (clear_i) begin
      count_q <= '0;
      carry_q[Parts:1] <= '0;
      full_q[Parts-1:1] <= '0;
    end else if (count) begin
      carry_q[Parts:1] <= below[Parts:1];
      count_q[PartBits-1:0] <= count_q[PartBits-1:0] + 1'b1;
      for (int k = 1; k < Parts; k++) begin
        if (carry_q[k])
          count_q[PartBits*k+:PartBits] <= count_q[PartBits*k+:PartBits] + 1'b1;
      end
    end
  end

  assign count_o = count_q;

  logic unused;
  assign unused = &{1'b0, full_q[0], carry_q[0], below[0]};
endmodule
