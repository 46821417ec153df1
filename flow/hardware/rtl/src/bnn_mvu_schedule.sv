// Role: when bnn_mvu takes a beat, and where in its pass that beat is.
// How: a pass (SF beats of a group) begins only when a place for its result is free: a credit. They
//      are counted a cycle late, and the counters know one step ahead that they will wrap.
// Handshake: take_o takes the beat that can_i offers; addr_o is the address of its weights, Copies
//            times, each a register of its own for a part of the memory. Latency
//            cycles later its sum is at the accumulator: sum_valid_o, with sum_begins_o and
//            sum_ends_o for the first and the last beat of a pass; result_o follows a cycle later.
//            begins_soon_o: a sum_begins_o comes in one of the next Early cycles.
module bnn_mvu_schedule #(
    parameter int unsigned  SF       = 4,
    parameter int unsigned  NF       = 2,
    parameter int unsigned  Credits  = 4,
    parameter int unsigned  Latency  = 4,
    parameter int unsigned  Early    = 1,
    parameter int unsigned  Copies   = 1,
    localparam int unsigned AddrBits = (NF * SF > 1) ? $clog2(NF * SF) : 1
) (
    input  logic                       clk_i,
    input  logic                       rst_ni,
    input  logic                       can_i,
    input  logic                       out_fire_i,
    output logic                       take_o,
    output logic [Copies*AddrBits-1:0] addr_o,
    output logic                       begins_soon_o,
    output logic                       sum_valid_o,
    output logic                       sum_begins_o,
    output logic                       sum_ends_o,
    output logic                       result_o
);
  localparam int unsigned SfBits = (SF > 1) ? $clog2(SF) : 1;
  localparam int unsigned CreditBits = $clog2(Credits + 1);

  logic take, pass_begins, begins_q, last_sf_q, last_addr_q, credit_some_q, out_fire_q;
  logic [SfBits-1:0] sf_q;
  logic [AddrBits-1:0] addr_q, addr_d;
  logic [CreditBits-1:0] credit_q;

  assign take = can_i && (!begins_q || credit_some_q);
  assign pass_begins = take && begins_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sf_q <= '0;
      addr_q <= '0;
      begins_q <= 1'b1;
      last_sf_q <= SF == 1;
      last_addr_q <= NF * SF == 1;
      out_fire_q <= 1'b0;
      credit_q <= CreditBits'(Credits);
      credit_some_q <= 1'b0;
    end else begin
      out_fire_q <= out_fire_i;
      if (out_fire_q != pass_begins) begin
        credit_q <= credit_q + {{(CreditBits - 1) {pass_begins}}, 1'b1};  // one more or one less
      end
      credit_some_q <= credit_q > 1 || out_fire_q || (credit_q[0] && !pass_begins);
      if (take) begin
        sf_q <= (last_sf_q ? '0 : sf_q) + SfBits'(!last_sf_q);
        begins_q <= last_sf_q;
        last_sf_q <= SF == 1 || (!last_sf_q && sf_q == SfBits'(SF - 2));
        addr_q <= addr_d;
        last_addr_q <= NF * SF == 1 || (!last_addr_q && addr_q == AddrBits'(NF * SF - 2));
      end
    end
  end

  assign take_o = take;
  assign addr_d = (last_addr_q ? '0 : addr_q) + AddrBits'(!last_addr_q);
  assign addr_o[AddrBits-1:0] = addr_q;
  for (genvar c = 1; c < Copies; c++) begin : gen_copy
    bnn_copy #(
        .Width(AddrBits)
    ) u_addr (
        .clk_i,
        .rst_i (!rst_ni),
        .en_i  (take),
        .data_i(addr_d),
        .data_o(addr_o[c*AddrBits+:AddrBits])
    );
  end

  // ---- what travels beside the datapath -----------------------------------------------------
  logic [Latency-1:0] valid_q, starts_q, ends_q;  // [0] in the cycle after the beat was taken
  logic [Latency:0] starts;
  logic result_q, unused_start;

  assign starts = {starts_q, pass_begins};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q  <= '0;
      starts_q <= '0;
      result_q <= 1'b0;
    end else begin
      valid_q  <= {valid_q[Latency-2:0], take};
      starts_q <= starts[Latency-1:0];
      result_q <= sum_ends_o;
    end
    ends_q <= {ends_q[Latency-2:0], last_sf_q};
  end

  assign begins_soon_o = |starts[Latency-1-:Early];
  assign sum_valid_o = valid_q[Latency-1];
  assign sum_begins_o = starts[Latency];
  assign sum_ends_o = valid_q[Latency-1] && ends_q[Latency-1];
  assign result_o = result_q;
  assign unused_start = ^starts;
endmodule
