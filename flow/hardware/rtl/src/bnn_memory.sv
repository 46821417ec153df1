// Role: the weights or thresholds of a matrix-vector unit: a ROM with an image, or (Loadable) a RAM
//       that is one link of the load chain.
// Load chain: load_start_i makes every link forget; then each link takes the first
//       Depth * ceil(Width / 32) words it sees, a row least significant word first, and hands all
//       later ones on. Nothing waits: a word a cycle at most. Without Loadable the chain passes by.
// Addresses: Ports equal ones, each for a part of the word of a ROM (see bnn_rom).
// Latency: data_o follows addr_i after Latency cycles (1 or 2); a link of the chain takes 1.
module bnn_memory #(
    parameter int unsigned  Width    = 8,
    parameter int unsigned  Depth    = 16,
    parameter               File     = "",
    parameter               Style    = "auto",
    parameter bit           Loadable = 1'b0,
    parameter int unsigned  Latency  = 1,
    parameter int unsigned  Ports    = 1,
    localparam int unsigned AddrBits = (Depth > 1) ? $clog2(Depth) : 1
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic [Ports*AddrBits-1:0] addr_i,
    output logic [         Width-1:0] data_o,
    input  logic                      load_start_i,
    input  logic                      load_valid_i,
    input  logic [              31:0] load_data_i,
    output logic                      load_start_o,
    output logic                      load_valid_o,
    output logic [              31:0] load_data_o
);
  logic [Width-1:0] read;

  if (Ports < 1 || Ports > Width || (Loadable && Ports > 1)) begin : gen_illegal_ports
    $error("bnn_memory: Ports=%0d for %0d bits; 1 where it is loadable", Ports, Width);
  end
  if (Latency < 1 || Latency > 2) begin : gen_illegal
    $error("bnn_memory: Latency=%0d for %0d words; it must be 1 or 2", Latency, Depth);
  end

  if (Loadable) begin : gen_ram
    localparam int unsigned Words = (Width + 31) / 32;
    localparam int unsigned WordBits = $clog2(Words + 1);
    localparam logic [AddrBits-1:0] LastRow = AddrBits'(Depth - 1);

    logic start_q, valid_q, full_q, last_word, last_row_q, mine, write_q;
    logic [31:0] word_q;
    logic [32*Words-1:0] row_q;
    logic [AddrBits-1:0] addr_q, write_addr_q;

    assign mine = valid_q && !full_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        start_q <= 1'b0;
        valid_q <= 1'b0;
        full_q  <= 1'b1;
        write_q <= 1'b0;
      end else begin
        start_q <= load_start_i;
        valid_q <= load_valid_i;
        write_q <= mine && last_word;
        if (start_q) full_q <= 1'b0;
        else if (mine && last_word && last_row_q) full_q <= 1'b1;
      end
      word_q <= load_data_i;
      write_addr_q <= addr_q;
      if (start_q) begin
        addr_q <= '0;
        last_row_q <= Depth == 1;
      end else if (mine && last_word) begin
        addr_q <= addr_q + 1'b1;
        last_row_q <= addr_q == LastRow - 1'b1;
      end
    end

    if (Words == 1) begin : gen_word
      assign last_word = 1'b1;
      always_ff @(posedge clk_i) if (mine) row_q <= word_q;
    end else begin : gen_words
      logic [WordBits-1:0] count_q;
      logic last_q;
      assign last_word = last_q;
      always_ff @(posedge clk_i) begin
        if (mine) row_q <= {word_q, row_q[32*Words-1:32]};
        if (start_q) begin
          count_q <= '0;
          last_q  <= 1'b0;
        end else if (mine) begin
          count_q <= (last_q ? '0 : count_q) + WordBits'(!last_q);
          last_q  <= !last_q && count_q == WordBits'(Words - 2);
        end
      end
    end

    if (32 * Words > Width) begin : gen_spare
      logic unused_spare;
      assign unused_spare = ^row_q[32*Words-1:Width];
    end

    bnn_ram #(
        .Width   (Width),
        .Depth   (Depth),
        .RamStyle(Style)
    ) u_ram (
        .clk_i,
        .wr_en_i  (write_q),
        .wr_addr_i(write_addr_q),
        .wr_data_i(row_q[Width-1:0]),
        .rd_addr_i(addr_i[AddrBits-1:0]),
        .rd_data_o(read)
    );

    assign load_start_o = start_q;
    assign load_valid_o = valid_q && full_q;
    assign load_data_o  = word_q;
  end else begin : gen_rom
    bnn_rom #(
        .Width   (Width),
        .Depth   (Depth),
        .File    (File),
        .RomStyle(Style),
        .Ports   (Ports)
    ) u_rom (
        .clk_i,
        .en_i  (1'b1),
        .addr_i(addr_i),
        .data_o(read)
    );

    logic unused_reset;
    assign unused_reset = rst_ni;
    assign load_start_o = load_start_i;
    assign load_valid_o = load_valid_i;
    assign load_data_o  = load_data_i;
  end

  if (Latency == 2) begin : gen_register
    logic [Width-1:0] data_q;
    always_ff @(posedge clk_i) data_q <= read;
    assign data_o = data_q;
  end else begin : gen_no_register
    assign data_o = read;
  end
endmodule
