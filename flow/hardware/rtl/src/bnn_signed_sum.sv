// Role: sum of numbers of 2 to 8 bits, each added or, where its weight bit is 0, subtracted.
// Formula: sum_o = sum of (weight_i[t] ? x_t : -x_t); x_0 least significant in act_i.
// How: t + x = t - ~x - 1: an adder that can turn the bits of x and borrow does both, in one LUT a
//      bit. The numbers of a triple pass one such adder after the other; the triples' sums go into
//      a tree.
// Latency: 1 + min(Terms - 1, 2) + clog2(ceil(Terms / 3)) cycles. Throughput: one sum a cycle.
module bnn_signed_sum #(
    parameter int unsigned  Terms   = 4,
    parameter int unsigned  InBits  = 8,
    parameter bit           Signed  = 1'b0,
    localparam int unsigned Triples = (Terms + 2) / 3,
    localparam int unsigned Adds    = (Terms < 3) ? Terms - 1 : 2,
    localparam int unsigned Peak    = Signed ? 1 << (InBits - 1) : (1 << InBits) - 1,
    localparam int unsigned PartBits = 1 + $clog2((Adds + 1) * Peak + 1),
    localparam int unsigned SumBits = PartBits + $clog2(Triples)
) (
    input  logic                    clk_i,
    input  logic [Terms*InBits-1:0] act_i,
    input  logic [       Terms-1:0] weight_i,
    output logic [     SumBits-1:0] sum_o
);
  logic [Triples*PartBits-1:0] parts;

  for (genvar t = 0; t < Triples; t++) begin : gen_triple
    for (genvar k = 0; k <= Adds; k++) begin : gen_add
      // What has been added so far, one cycle after its last number has.
      localparam int unsigned Bits = 1 + $clog2((k + 1) * Peak + 1);
      logic [InBits-1:0] x;
      logic plus, unused_borrow;
      logic [Bits-1:0] wide, total, next, total_q;

      // The number waits for the sum before it; in the last triple there may be none.
      localparam int unsigned Wait = InBits + 1;
      logic [(k+1)*Wait-1:0] waiting;
      if (3 * t + k < Terms) begin : gen_number
        assign waiting[0+:Wait] = {weight_i[3*t+k], act_i[(3*t+k)*InBits+:InBits]};
      end else begin : gen_none
        assign waiting[0+:Wait] = '0;
      end
      for (genvar d = 1; d <= k; d++) begin : gen_wait
        always_ff @(posedge clk_i) waiting[d*Wait+:Wait] <= waiting[(d-1)*Wait+:Wait];
      end
      assign {plus, x} = waiting[k*Wait+:Wait];
      assign wide = {{(Bits - InBits) {Signed & x[InBits-1]}}, x};

      if (k == 0) begin : gen_first
        assign total = '0;
      end else begin : gen_next
        assign total = Bits'($signed(gen_add[k-1].total_q));
      end
      // A difference also where it is a sum: yosys keeps total at the carry chain's data input. It
      // orders the operands of a sum by name, and the turned bits would need LUTs of their own.
      assign {next, unused_borrow} = {total, 1'b0} - {wide ^ {Bits{plus}}, plus};
      always_ff @(posedge clk_i) total_q <= next;
    end
    assign parts[t*PartBits+:PartBits] = gen_add[Adds].total_q;
  end

  bnn_adder_tree #(
      .Terms   (Triples),
      .TermBits(PartBits),
      .Signed  (1'b1)
  ) u_tree (
      .clk_i,
      .terms_i(parts),
      .sum_o
  );
endmodule
