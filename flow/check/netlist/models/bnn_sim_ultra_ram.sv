// Role: URAM288 in simulation, without its optional registers and resets (UG573).
// How: 4096 words of 72 bits, two ports on one clock, each reads or writes in a cycle. Port A goes
//      first: B reads what A writes in the same cycle, A reads what was there before B wrote. A
//      port that writes keeps its output. Interleaved: bwe[k] is for byte k and bit 64 + k; else
//      bwe[8] is for the upper eight bits.
// Latency: 1 cycle. Contents are unknown until written.
module bnn_sim_ultra_ram #(
    parameter bit Interleaved = 1'b1
) (
    input  logic        clk_i,
    input  logic        a_en_i,
    input  logic        a_write_i,
    input  logic [11:0] a_addr_i,
    input  logic [ 8:0] a_bwe_i,
    input  logic [71:0] a_data_i,
    output logic [71:0] a_data_o,
    input  logic        b_en_i,
    input  logic        b_write_i,
    input  logic [11:0] b_addr_i,
    input  logic [ 8:0] b_bwe_i,
    input  logic [71:0] b_data_i,
    output logic [71:0] b_data_o
);
  typedef logic [71:0] word_t;

  word_t mem[4096];
  word_t a_q, b_q, a_new, b_old;

  function automatic word_t merged(input word_t old, input word_t data, input logic [8:0] bwe);
    word_t word = old;
    for (int k = 0; k < 8; k++) begin
      if (bwe[k]) word[8*k+:8] = data[8*k+:8];
      if (Interleaved ? bwe[k] : bwe[8]) word[64+k] = data[64+k];
    end
    return word;
  endfunction

  logic a_writes, b_writes;
  assign a_writes = a_en_i && a_write_i;
  assign b_writes = b_en_i && b_write_i;
  assign a_new = merged(mem[a_addr_i], a_data_i, a_bwe_i);
  assign b_old = (a_writes && a_addr_i == b_addr_i) ? a_new : mem[b_addr_i];

  always_ff @(posedge clk_i) begin
    if (a_en_i && !a_write_i) a_q <= mem[a_addr_i];
    if (b_en_i && !b_write_i) b_q <= b_old;
    if (a_writes) mem[a_addr_i] <= a_new;
    if (b_writes) mem[b_addr_i] <= merged(b_old, b_data_i, b_bwe_i);
  end

  assign a_data_o = a_q;
  assign b_data_o = b_q;
endmodule
