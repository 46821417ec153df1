// Role: RAMB18 and RAMB36 (E1 and E2) in simulation, with both ports on one clock, no output
//       registers, no resets (UG473, UG573).
// How: bytes of nine bits. Addresses count data bits: a port of 9 bits ignores the lowest three. A
//      port of one byte or less is written with we[0], a wider one a byte with each bit of we. A
//      port that writes reads the old word (READ_FIRST), the new one (WRITE_FIRST) or keeps what it
//      read (NO_CHANGE). What one port reads where the other writes is the old word if the writer
//      is READ_FIRST, else it is undefined: here, noise, so that nothing can depend on it.
// Latency: 1 cycle.
module bnn_sim_block_ram #(
    parameter int unsigned AddrBits = 14,
    parameter int unsigned ReadA    = 9,
    parameter int unsigned ReadB    = 0,
    parameter int unsigned WriteA   = 0,
    parameter int unsigned WriteB   = 9,
    parameter int unsigned ModeA    = 0,  // 0 READ_FIRST, 1 WRITE_FIRST, 2 NO_CHANGE
    parameter int unsigned ModeB    = 0,
    parameter bit          Known    = 1'b0,
    localparam int unsigned Size    = 1 << AddrBits,
    parameter logic [Size-1:0]   Init  = Size'(0),
    parameter logic [Size/8-1:0] InitP = (Size / 8)'(0)
) (
    input  logic                clk_i,
    input  logic                a_en_i,
    input  logic [AddrBits-1:0] a_addr_i,
    input  logic [         7:0] a_we_i,
    input  logic [        63:0] a_data_i,
    input  logic [         7:0] a_parity_i,
    output logic [        63:0] a_data_o,
    output logic [         7:0] a_parity_o,
    input  logic                b_en_i,
    input  logic [AddrBits-1:0] b_addr_i,
    input  logic [         7:0] b_we_i,
    input  logic [        63:0] b_data_i,
    input  logic [         7:0] b_parity_i,
    output logic [        63:0] b_data_o,
    output logic [         7:0] b_parity_o
);
  localparam int unsigned ByteBits = AddrBits - 3;
  localparam int unsigned ReadFirst = 0;
  localparam int unsigned WriteFirst = 1;

  typedef logic [71:0] beat_t;  // {parity, data}
  typedef logic [ByteBits-1:0] row_t;

  logic [8:0] mem[Size/8];

  if (Known) begin : gen_known
    initial for (int k = 0; k < Size / 8; k++) mem[k] = {InitP[k], Init[8*k+:8]};
  end

  // First byte of a port's word.
  function automatic row_t first(input row_t row, input int unsigned width);
    return row & ~(row_t'((width > 9) ? width / 9 - 1 : 0));
  endfunction

  function automatic int unsigned low_bit(input logic [2:0] place, input int unsigned width);
    return (width < 8) ? 32'(place) & ~(width - 1) : 0;
  endfunction

  function automatic beat_t fetched(input logic [AddrBits-1:0] addr, input int unsigned width);
    beat_t beat = '0;
    for (int unsigned k = 0; k < ((width < 9) ? 1 : width / 9); k++) begin
      {beat[64+k], beat[8*k+:8]} = mem[first(addr[AddrBits-1:3], width)+row_t'(k)];
    end
    if (width < 8) beat[7:0] = beat[7:0] >> low_bit(addr[2:0], width);
    return beat;
  endfunction

  // Bytes of a word that a write with these enables changes, as a mask over its nine-bit bytes.
  function automatic beat_t merged(input beat_t old, input logic [63:0] data,
                                   input logic [7:0] parity, input logic [7:0] we,
                                   input int unsigned width);
    beat_t beat = old;
    for (int unsigned k = 0; k < ((width < 9) ? 1 : width / 9); k++) begin
      if (we[k]) {beat[64+k], beat[8*k+:8]} = {parity[k], data[8*k+:8]};
    end
    return beat;
  endfunction

  function automatic logic meet(input row_t read, input int unsigned read_width,
                                input row_t write, input int unsigned write_width);
    row_t r = first(read, read_width);
    row_t w = first(write, write_width);
    int unsigned rn = (read_width > 9) ? read_width / 9 : 1;
    int unsigned wn = (write_width > 9) ? write_width / 9 : 1;
    return 32'(r) < 32'(w) + wn && 32'(w) < 32'(r) + rn;
  endfunction

  function automatic beat_t noise();
    return {8'($urandom), $urandom, $urandom};
  endfunction

  row_t a_row, b_row;
  assign a_row = a_addr_i[AddrBits-1:3];
  assign b_row = b_addr_i[AddrBits-1:3];

  logic a_writes, b_writes;
  assign a_writes = a_en_i && WriteA != 0 && a_we_i != '0;
  assign b_writes = b_en_i && WriteB != 0 && b_we_i != '0;

  task automatic store(input logic [AddrBits-1:0] addr, input int unsigned width,
                       input logic [63:0] data, input logic [7:0] parity, input logic [7:0] we);
    if (width < 8) begin
      if (we[0]) begin
        for (int unsigned k = 0; k < width; k++) begin
          mem[first(addr[AddrBits-1:3], width)][low_bit(addr[2:0], width)+k] <= data[k];
        end
      end
    end else begin
      for (int unsigned k = 0; k < width / 9; k++) begin
        if (we[k]) mem[first(addr[AddrBits-1:3], width)+row_t'(k)] <= {parity[k], data[8*k+:8]};
      end
    end
  endtask

  beat_t a_q, b_q;

  always_ff @(posedge clk_i) begin
    if (a_en_i && ReadA != 0) begin
      if (b_writes && ModeB != ReadFirst && meet(a_row, ReadA, b_row, WriteB))
        a_q <= noise();
      else if (!a_writes || ModeA == ReadFirst) a_q <= fetched(a_addr_i, ReadA);
      else if (ModeA == WriteFirst)
        a_q <= merged(fetched(a_addr_i, ReadA), a_data_i, a_parity_i, a_we_i, ReadA);
    end
    if (b_en_i && ReadB != 0) begin
      if (a_writes && ModeA != ReadFirst && meet(b_row, ReadB, a_row, WriteA))
        b_q <= noise();
      else if (!b_writes || ModeB == ReadFirst) b_q <= fetched(b_addr_i, ReadB);
      else if (ModeB == WriteFirst)
        b_q <= merged(fetched(b_addr_i, ReadB), b_data_i, b_parity_i, b_we_i, ReadB);
    end
    if (a_writes) store(a_addr_i, WriteA, a_data_i, a_parity_i, a_we_i);
    if (b_writes) store(b_addr_i, WriteB, b_data_i, b_parity_i, b_we_i);
    if (a_writes && b_writes && meet(a_row, WriteA, b_row, WriteB))
      $fatal(1, "%m: both ports write the same place");
  end

  assign {a_parity_o, a_data_o} = a_q;
  assign {b_parity_o, b_data_o} = b_q;

  if (ReadA != 0 && WriteA != 0 && ReadA != WriteA && ModeA == WriteFirst) begin : gen_odd_a
    $error("bnn_sim_block_ram: ReadA=%0d, WriteA=%0d; WRITE_FIRST needs equal ones", ReadA, WriteA);
  end
  if (ReadB != 0 && WriteB != 0 && ReadB != WriteB && ModeB == WriteFirst) begin : gen_odd_b
    $error("bnn_sim_block_ram: ReadB=%0d, WriteB=%0d; WRITE_FIRST needs equal ones", ReadB, WriteB);
  end
endmodule
