// Role: a load image becomes the words of the memories' daisy chain, once its header is right.
// Image, 32-bit words: magic, version, payload words, sha256 of the payload (8 words, most
//   significant first), payload, CRC-32 of the payload (registers.toml).
// How: the chain gets a start pulse, then the payload, and nothing of an image whose magic, version
//   or count is wrong. loaded_o rises when the CRC was right and the last row has been written for
//   certain: ChainLength hops and 16 cycles after the CRC.
// Errors: magic, version, count, CRC. After an error, and once loaded, all words are
//   swallowed: a new load begins with a reset, and what fills up the end of a packet does no harm.
// Latency: 2 cycles. Throughput: 1 word a cycle; ready never goes away.
module bnn_loader #(
    parameter int unsigned LoadWords   = 1,
    parameter int unsigned ChainLength = 1
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         load_valid_i,
    output logic         load_ready_o,
    input  logic [ 31:0] load_data_i,
    output logic         chain_start_o,
    output logic         chain_valid_o,
    output logic [ 31:0] chain_data_o,
    output logic         loaded_o,
    output logic [  2:0] error_o,
    output logic [255:0] loaded_hash_o
);
  // registers.toml: begin

  localparam logic [31:0] Magic = 32'h574E4E42;
  localparam logic [31:0] Version = 32'd1;
  localparam logic [3:0] FirstHash = 4'd3;
  localparam logic [3:0] LastHash = 4'd10;
  localparam logic [2:0] MagicError = 3'd1;
  localparam logic [2:0] VersionError = 3'd2;
  localparam logic [2:0] CountError = 3'd3;
  localparam logic [2:0] CrcError = 3'd4;

  // registers.toml: end
  localparam int unsigned SettleCycles = ChainLength + 16;
  localparam int unsigned LeftBits = $clog2(LoadWords + 1);
  localparam int unsigned SettleBits = $clog2(SettleCycles + 1);

  if (LoadWords < 1 || ChainLength < 1) begin : gen_illegal
    $error("bnn_loader: LoadWords=%0d, ChainLength=%0d; both must be >= 1", LoadWords, ChainLength);
  end

  typedef enum logic [2:0] {
    Header,
    Payload,
    Sum,
    Settle,
    Loaded,
    Failed
  } state_e;

  state_e state_q;
  logic ready_q, valid_q, equal_q, chain_valid_q, start_q, last_q;
  logic magic_q, version_q, count_q;  // what data_q is
  logic [3:0] same_q;                 // bytes of the CRC
  logic [31:0] data_q, sum_q, chain_data_q, crc;
  logic [3:0] index_q;
  logic [2:0] error_q;
  logic [255:0] hash_q;
  logic [LeftBits-1:0] left_q;  // payload words after the next one; last_q: none
  logic [SettleBits-1:0] settle_q;

  assign load_ready_o = ready_q;

  always_ff @(posedge clk_i) begin
    data_q <= load_data_i;
    magic_q <= load_data_i == Magic;
    version_q <= load_data_i == Version;
    count_q <= load_data_i == LoadWords;
    chain_data_q <= data_q;
    for (int k = 0; k < 4; k++) same_q[k] <= crc[8*k+:8] == sum_q[8*k+:8];
    equal_q <= same_q == '1;
    if (valid_q && state_q == Sum) sum_q <= data_q;
    if (valid_q && state_q == Header && index_q >= FirstHash) hash_q <= {hash_q[223:0], data_q};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ready_q <= 1'b0;
      valid_q <= 1'b0;
      state_q <= Header;
      index_q <= '0;
      error_q <= '0;
      left_q <= LeftBits'(LoadWords - 1);
      last_q <= LoadWords == 1;
      settle_q <= SettleBits'(SettleCycles);
      start_q <= 1'b0;
      chain_valid_q <= 1'b0;
    end else begin
      ready_q <= 1'b1;
      valid_q <= load_valid_i && ready_q;
      start_q <= valid_q && state_q == Header && index_q == FirstHash;
      chain_valid_q <= valid_q && state_q == Payload;
      case (state_q)
        Header:
        if (valid_q) begin
          index_q <= index_q + 1'b1;
          if (index_q == 4'd0 && !magic_q) begin
            state_q <= Failed;
            error_q <= MagicError;
          end
          if (index_q == 4'd1 && !version_q) begin
            state_q <= Failed;
            error_q <= VersionError;
          end
          if (index_q == 4'd2 && !count_q) begin
            state_q <= Failed;
            error_q <= CountError;
          end
          if (index_q == LastHash) state_q <= Payload;
        end
        Payload:
        if (valid_q) begin
          left_q <= left_q - 1'b1;
          last_q <= left_q == LeftBits'(1);
          if (last_q) state_q <= Sum;
        end
        Sum: if (valid_q) state_q <= Settle;
        Settle: begin
          settle_q <= settle_q - 1'b1;
          if (settle_q == '0) begin
            state_q <= equal_q ? Loaded : Failed;
            error_q <= equal_q ? 3'd0 : CrcError;
          end
        end
        default: ;  // until the next reset
      endcase
    end
  end

  bnn_crc32 u_crc (
      .clk_i,
      .clear_i(start_q),
      .valid_i(valid_q && state_q == Payload),
      .data_i (data_q),
      .crc_o  (crc)
  );

  assign chain_start_o = start_q;
  assign chain_valid_o = chain_valid_q;
  assign chain_data_o  = chain_data_q;
  assign loaded_o = state_q == Loaded;
  assign error_o = error_q;
  assign loaded_hash_o = hash_q;
endmodule
