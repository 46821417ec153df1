// Role: number of ones among Bits bits, pipelined.
// How: blocks of eight bits. Seven of them become a 3-bit count on one short carry chain: five go
//      through LUTs as parity and "at least two", "at least four", one is the other operand, one
//      the carry in. A balanced tree adds the counts, and each adder takes an eighth bit of a
//      block as its carry in: no adder is spent on it.
// Latency: 1 + Levels cycles, Levels >= clog2(Blocks). Throughput: a count a cycle; no stall.
// Depth: one LUT and one carry chain between any two registers.
module bnn_bit_count #(
    parameter int unsigned  Bits      = 15,
    parameter int unsigned  Levels    = 1,
    localparam int unsigned CountBits = $clog2(Bits + 1)
) (
    input  logic                 clk_i,
    input  logic [     Bits-1:0] bits_i,
    output logic [CountBits-1:0] count_o
);
  localparam int unsigned Blocks = (Bits + 8) / 8;
  localparam int unsigned TreeLevels = $clog2(Blocks);

  if (Bits < 1 || Levels < TreeLevels) begin : gen_illegal
    $error("bnn_bit_count: Bits=%0d needs Levels=%0d or more, got %0d", Bits, TreeLevels, Levels);
  end

  // Adders of the levels below `level`: the eighth bits are dealt out in this order.
  function automatic int unsigned adders_below(input int unsigned level);
    int unsigned count, found;
    count = Blocks;
    found = 0;
    for (int unsigned l = 1; l < level; l++) begin
      found += count / 2;
      count = (count + 1) / 2;
    end
    adders_below = found;
  endfunction

  logic [8*Blocks-1:0] padded;
  assign padded = (8 * Blocks)'(bits_i);
  logic [Blocks-1:0] unused_eighth;
  for (genvar b = 0; b < Blocks; b++) begin : gen_eighth
    assign unused_eighth[b] = padded[8*b+7];
  end

  for (genvar l = 0; l <= TreeLevels; l++) begin : gen_level
    localparam int unsigned Count = (Blocks + (1 << l) - 1) >> l;
    localparam int unsigned Width = 3 + l;
    logic [Count*Width-1:0] sums_q;

    if (l == 0) begin : gen_blocks
      for (genvar b = 0; b < Blocks; b++) begin : gen_block
        logic [4:0] five;
        logic two, four, unused_low;
        logic [2:0] count;

        assign five = padded[8*b+:5];
        assign four = (five[0] & five[1] & five[2] & five[3])
            | (five[4] & ((five[0] & five[1] & five[2]) | (five[3] & five[0] & five[1])
            | (five[3] & five[0] & five[2]) | (five[3] & five[1] & five[2])));
        assign two = (five[0] & five[1]) | ((five[0] | five[1]) & (five[2] | five[3] | five[4]))
            | (five[2] & five[3]) | ((five[2] | five[3]) & five[4]);
        // The lowest place adds a bit to itself: that is its carry into the next one.
        assign {count, unused_low} = {1'b0, four, padded[8*b+5], padded[8*b+6]}
            + {1'b0, two, ^five, padded[8*b+6]};
        always_ff @(posedge clk_i) sums_q[3*b+:3] <= count;
      end
    end else begin : gen_adders
      localparam int unsigned Before = (Blocks + (1 << (l - 1)) - 1) >> (l - 1);
      for (genvar n = 0; n < Count; n++) begin : gen_node
        if (2 * n + 1 < Before) begin : gen_pair
          logic [Width-2:0] left, right;
          logic [Width-1:0] sum;
          logic unused_low;

          assign left = gen_level[l-1].sums_q[2*n*(Width-1)+:Width-1];
          assign right = gen_level[l-1].sums_q[(2*n+1)*(Width-1)+:Width-1];
          if (8 * (adders_below(l) + n) + 7 < Bits) begin : gen_carry
            logic [l-1:0] late_q;
            if (l == 1) begin : gen_first
              always_ff @(posedge clk_i) late_q <= padded[8*(adders_below(l)+n)+7];
            end else begin : gen_later
              always_ff @(posedge clk_i) begin
                late_q <= {late_q[l-2:0], padded[8*(adders_below(l)+n)+7]};
              end
            end
            assign {sum, unused_low} = {1'b0, left, late_q[l-1]} + {1'b0, right, late_q[l-1]};
          end else begin : gen_plain
            assign sum = {1'b0, left} + {1'b0, right};
            assign unused_low = 1'b0;
          end
          always_ff @(posedge clk_i) sums_q[n*Width+:Width] <= sum;
        end else begin : gen_odd
          always_ff @(posedge clk_i) begin
            sums_q[n*Width+:Width] <= {1'b0, gen_level[l-1].sums_q[2*n*(Width-1)+:Width-1]};
          end
        end
      end
    end
  end

  logic [CountBits-1:0] sum;
  logic unused_top;  // the tree has room for more bits than there are
  assign sum = CountBits'(gen_level[TreeLevels].sums_q);
  assign unused_top = ^gen_level[TreeLevels].sums_q;

  if (Levels > TreeLevels) begin : gen_wait
    logic [(Levels-TreeLevels)*CountBits-1:0] wait_q;
    if (Levels == TreeLevels + 1) begin : gen_one
      always_ff @(posedge clk_i) wait_q <= sum;
    end else begin : gen_more
      always_ff @(posedge clk_i) begin
        wait_q <= {wait_q[(Levels-TreeLevels-1)*CountBits-1:0], sum};
      end
    end
    assign count_o = wait_q[(Levels-TreeLevels-1)*CountBits+:CountBits];
  end else begin : gen_no_wait
    assign count_o = sum;
  end
endmodule
