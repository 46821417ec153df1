// Role: bnn_loader in front of a chain of three memories of any width and depth.
// A source word is {kind[1:0], data[31:0]}: 0 a word to the loader, 1 a reset of 3 cycles, 2 wait
// until the loader has made up its mind and show: state {error, loaded}, 8 hash words, and, if
// loaded, the rows of all memories in pieces of 32 bits. 3: the same after a while, in any state.
module bnn_loader_tb #(
    parameter int unsigned WidthA         = 8,
    parameter int unsigned DepthA         = 4,
    parameter int unsigned WidthB         = 40,
    parameter int unsigned DepthB         = 3,
    parameter int unsigned WidthC         = 64,
    parameter int unsigned DepthC         = 2,
    parameter int unsigned InBeats        = 1,
    parameter int unsigned OutBeats       = 1,
    parameter int unsigned InPerFrame     = 1,
    parameter int unsigned OutPerFrame    = 1,
    parameter int unsigned FastFrames     = 0,
    parameter int unsigned WarmFrames     = 1,
    parameter int unsigned CyclesPerFrame = 0,
    parameter              InFile         = "",
    parameter              OutFile        = ""
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    output logic        done_o,
    output logic [31:0] beats_o
);
  localparam int unsigned WordsA = DepthA * ((WidthA + 31) / 32);
  localparam int unsigned WordsB = DepthB * ((WidthB + 31) / 32);
  localparam int unsigned WordsC = DepthC * ((WidthC + 31) / 32);
  localparam int unsigned Total = WordsA + WordsB + WordsC;
  localparam int unsigned ShownWords = 9 + Total;
  localparam int unsigned WaitCycles = 60;

  logic cmd_valid, cmd_ready, load_ready, out_valid, out_ready, loaded, loaded_q;
  logic [33:0] cmd;
  logic [2:0] error;
  logic [255:0] hash;
  logic [3:0] start, valid;
  logic [31:0] data[4];
  logic [2:0] full;
  logic [32*Total-1:0] rows;
  logic [32*ShownWords-1:0] shown;
  logic [31:0] shown_q, reset_q, waited_q, stalls_q, since_q;
  logic decided, started_q;

  bnn_tb_source #(
      .Width(34),
      .Beats(InBeats),
      .FastBeats((FastFrames + 1) * InPerFrame),
      .File(InFile)
  ) u_source (
      .clk_i,
      .rst_ni,
      .valid_o(cmd_valid),
      .ready_i(cmd_ready),
      .data_o (cmd)
  );

  assign decided = (cmd[33:32] == 2'd2) ? (loaded || error != '0) : waited_q > WaitCycles;
  assign out_valid = cmd_valid && cmd[33] && decided;
  always_comb begin
    case (cmd[33:32])
      2'd0: cmd_ready = load_ready;
      2'd1: cmd_ready = reset_q == 3;
      default: cmd_ready = out_valid && out_ready && shown_q == (loaded ? ShownWords - 1 : 0);
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      shown_q  <= '0;
      reset_q  <= '0;
      waited_q <= '0;
      stalls_q <= '0;
      since_q  <= '0;
      loaded_q <= 1'b0;
    end else begin
      loaded_q <= loaded;
      reset_q  <= (cmd_valid && cmd[33:32] == 2'd1 && reset_q != 3) ? reset_q + 1 : '0;
      waited_q <= (cmd_valid && cmd[33]) ? waited_q + 1 : '0;
      if (out_valid && out_ready) shown_q <= cmd_ready ? '0 : shown_q + 1;
      if (loaded && !loaded_q && full != '1)
        $fatal(1, "%m: loaded, and the memories are not complete: %b", full);
      if (start[0] && (loaded || error != '0)) $fatal(1, "%m: a start after the end");
      // Pace: a word a cycle; loaded soon after the last word.
      stalls_q <= (reset_q != '0) ? '0 : stalls_q + 32'(cmd_valid && !cmd[33] && !load_ready);
      since_q <= (cmd_valid && !cmd[33] && load_ready) ? '0 : since_q + 1;
      if (stalls_q > 1) $fatal(1, "%m: a word waited %0d cycles", stalls_q);
      if (loaded && !loaded_q && since_q > 3 + 16 + 4)
        $fatal(1, "%m: loaded %0d cycles after the last word", since_q);
      if (start[0] && valid[0]) $fatal(1, "%m: a start together with a word");
      if (reset_q == '0 && cmd_valid && cmd[33] && !load_ready)
        $fatal(1, "%m: the loader is not ready");
    end
  end

  bnn_loader #(
      .LoadWords  (Total),
      .ChainLength(3)
  ) u_dut (
      .clk_i,
      .rst_ni       (rst_ni && reset_q == '0),
      .load_valid_i (cmd_valid && cmd[33:32] == 2'd0),
      .load_ready_o (load_ready),
      .load_data_i  (cmd[31:0]),
      .chain_start_o(start[0]),
      .chain_valid_o(valid[0]),
      .chain_data_o (data[0]),
      .loaded_o     (loaded),
      .error_o      (error),
      .loaded_hash_o(hash)
  );

  bnn_tb_chain_memory #(
      .Width(WidthA),
      .Depth(DepthA)
  ) u_a (
      .clk_i,
      .load_start_i(start[0]),
      .load_valid_i(valid[0]),
      .load_data_i (data[0]),
      .load_start_o(start[1]),
      .load_valid_o(valid[1]),
      .load_data_o (data[1]),
      .full_o      (full[0]),
      .rows_o      (rows[0+:32*WordsA])
  );
  bnn_tb_chain_memory #(
      .Width(WidthB),
      .Depth(DepthB)
  ) u_b (
      .clk_i,
      .load_start_i(start[1]),
      .load_valid_i(valid[1]),
      .load_data_i (data[1]),
      .load_start_o(start[2]),
      .load_valid_o(valid[2]),
      .load_data_o (data[2]),
      .full_o      (full[1]),
      .rows_o      (rows[32*WordsA+:32*WordsB])
  );
  bnn_tb_chain_memory #(
      .Width(WidthC),
      .Depth(DepthC)
  ) u_c (
      .clk_i,
      .load_start_i(start[2]),
      .load_valid_i(valid[2]),
      .load_data_i (data[2]),
      .load_start_o(start[3]),
      .load_valid_o(valid[3]),
      .load_data_o (data[3]),
      .full_o      (full[2]),
      .rows_o      (rows[32*(WordsA+WordsB)+:32*WordsC])
  );

  always_ff @(posedge clk_i) begin
    started_q <= rst_ni && (started_q || start[3]);
    if (started_q && valid[3]) $fatal(1, "%m: word %h passed all memories", data[3]);
  end

  for (genvar k = 0; k < 8; k++) begin : gen_hash
    assign shown[32*(1+k)+:32] = hash[255-32*k-:32];
  end
  assign shown[31:0] = {28'd0, error, loaded};
  assign shown[32*9+:32*Total] = rows;

  bnn_tb_sink #(
      .Width(32),
      .Beats(OutBeats),
      .BeatsPerFrame(OutPerFrame),
      .FastFrames(FastFrames),
      .WarmFrames(WarmFrames),
      .CyclesPerFrame(CyclesPerFrame),
      .File(OutFile)
  ) u_sink (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid),
      .ready_o(out_ready),
      .data_i (shown[32*shown_q+:32]),
      .done_o,
      .beats_o
  );
endmodule
