// Role: sends two memory images down a load chain: a broken-off load of noise first, then the rows
//       of both, then Extra words that must come out at the other end unchanged.
// Words are sent with random gaps. done_o: all is loaded and has come out; nothing else may.
module bnn_tb_loader #(
    parameter int unsigned FirstWidth  = 8,
    parameter int unsigned FirstDepth  = 4,
    parameter              FirstFile   = "",
    parameter int unsigned SecondWidth = 8,
    parameter int unsigned SecondDepth = 0,
    parameter              SecondFile  = ""
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    output logic        start_o,
    output logic        valid_o,
    output logic [31:0] data_o,
    input  logic        valid_i,
    input  logic [31:0] data_i,
    output logic        done_o
);
  localparam int unsigned Noise = 7;
  localparam int unsigned Extra = 5;
  localparam int unsigned FirstWords = (FirstWidth + 31) / 32;
  localparam int unsigned SecondWords = (SecondWidth + 31) / 32;
  localparam int unsigned SecondPlaces = (SecondDepth > 0) ? SecondDepth : 1;
  localparam int unsigned FirstEnd = FirstDepth * FirstWords;
  localparam int unsigned AllEnd = FirstEnd + SecondDepth * SecondWords;
  localparam int unsigned Settle = 16;

  logic [32*FirstWords-1:0] first[FirstDepth];
  logic [32*SecondWords-1:0] second[SecondPlaces];
  logic [31:0] noise_q, index_q, out_q, wait_q, word;
  logic noise_phase_q, start_q, valid_q, done_q;

  initial begin
    $readmemh(FirstFile, first);
    if (SecondDepth > 0) $readmemh(SecondFile, second);
  end

  logic [31:0] second_index;
  assign second_index = index_q - FirstEnd;

  always_comb begin
    word = 32'hfeed_0000 + (index_q - AllEnd);
    if (noise_phase_q) begin
      word = noise_q;
    end else if (index_q < FirstEnd) begin
      word = 32'(first[index_q/FirstWords] >> 32 * (index_q % FirstWords));
    end else if (index_q < AllEnd) begin
      word = 32'(second[second_index/SecondWords] >> 32 * (second_index % SecondWords));
    end
  end

  always_ff @(posedge clk_i) begin
    noise_q <= $urandom;
    if (!rst_ni) begin
      noise_phase_q <= 1'b1;
      start_q <= 1'b1;
      valid_q <= 1'b0;
      done_q <= 1'b0;
      index_q <= '0;
      out_q <= '0;
      wait_q <= '0;
    end else begin
      start_q <= 1'b0;
      valid_q <= 1'b0;
      if (!start_q && $urandom_range(3) != 0) begin
        if (noise_phase_q && index_q == Noise) begin
          noise_phase_q <= 1'b0;
          start_q <= 1'b1;
          index_q <= '0;
        end else if (noise_phase_q || index_q < AllEnd + Extra) begin
          valid_q <= 1'b1;
          index_q <= index_q + 1;
        end
      end
      data_o <= word;
      // Noise beyond what the memories hold may come out until then.
      if (valid_i && !noise_phase_q && index_q >= AllEnd) begin
        out_q <= out_q + 1;
        if (data_i != 32'hfeed_0000 + out_q) begin
          $fatal(1, "%m: word %0d came out as %h", out_q, data_i);
        end
      end
      if (out_q == Extra) wait_q <= wait_q + 1;
      done_q <= wait_q >= Settle;
    end
  end

  assign start_o = start_q;
  assign valid_o = valid_q;
  assign done_o  = done_q;
endmodule
