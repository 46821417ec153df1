// Role: accumulates the signed sums of a neuron with wide inputs or weights, and compares.
// Formula: at begins_i the accumulator starts with sum_i - T, later it adds sum_i; its sign is the
//          answer. Without thresholds it starts with sum_i and is the answer, modulo 2^AccBits.
// Latency: 1 cycle from the last sum_i of a pass with valid_i.
module bnn_accumulator #(
    parameter int unsigned SumBits    = 10,
    parameter bit          Threshold  = 1'b1,
    parameter int unsigned AccBits    = 16,
    parameter int unsigned ThreshBits = 16,
    parameter int unsigned OutBits    = 1
) (
    input  logic                  clk_i,
    input  logic [   SumBits-1:0] sum_i,
    input  logic                  valid_i,
    input  logic                  begins_i,
    input  logic [ThreshBits-1:0] thresh_i,
    output logic [   OutBits-1:0] result_o
);
  localparam int unsigned SpanBits = (Threshold && ThreshBits > AccBits) ? ThreshBits : AccBits;
  localparam int unsigned RegBits = Threshold ? SpanBits + 1 : SpanBits;

  logic [RegBits-1:0] acc_q, addend, base, next;
  logic borrow, unused;

  assign addend = RegBits'($signed(sum_i));

  // addend - T, or addend + acc = addend - ~acc - 1. A difference also where it is a sum: yosys
  // keeps addend at the carry chain's data input, where the choice would need LUTs of its own; the
  // operands of a sum it orders by name.
  assign {next, unused} = {addend, 1'b0} - {base, borrow};

  if (Threshold) begin : gen_fused
    assign base = begins_i ? RegBits'($signed(thresh_i)) : ~acc_q;
    assign borrow = !begins_i;
    assign result_o = OutBits'(!acc_q[RegBits-1]);
  end else begin : gen_sum
    assign base = begins_i ? '1 : ~acc_q;
    assign borrow = 1'b1;
    assign result_o = OutBits'($signed(acc_q));
    logic unused_thresh;
    assign unused_thresh = ^thresh_i;
  end

  if (SumBits > RegBits) begin : gen_modulo
    logic unused_high;
    assign unused_high = ^sum_i;
  end

  always_ff @(posedge clk_i) if (valid_i) acc_q <= next;
endmodule
