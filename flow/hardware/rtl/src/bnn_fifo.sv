// Role: first in, first out; holds at least Depth beats (Depth in memory, one in the output).
// How: a ring memory whose read register is the output, so that it maps to LUT RAM or block RAM.
// Latency: 2 cycles. Throughput: 1 beat a cycle for every Depth >= 2. in_ready_o leaves from a
//          register.
// high_water_o: most beats in memory since reset; leave it open and it costs nothing.
// Simulation: +<path of the instance>=<beats> holds back as if Depth were so many, at most Depth,
//             so that one compiled simulator serves for any depths.
module bnn_fifo #(
    parameter int unsigned Width    = 8,
    parameter int unsigned Depth    = 16,
    parameter              RamStyle = "auto"
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             in_valid_i,
    output logic             in_ready_o,
    input  logic [Width-1:0] in_data_i,
    output logic             out_valid_o,
    input  logic             out_ready_i,
    output logic [Width-1:0] out_data_o,
    output logic [     31:0] high_water_o
);
  localparam int unsigned AddrBits = (Depth > 1) ? $clog2(Depth) : 1;
  localparam int unsigned CountBits = $clog2(Depth + 1);

  if (Depth < 2 || Width < 1) begin : gen_illegal
    $error("bnn_fifo: Depth=%0d, Width=%0d; Depth must be >= 2 and Width >= 1", Depth, Width);
  end

  logic [CountBits-1:0] limit;
`ifdef SYNTHESIS
  assign limit = CountBits'(Depth);
`else
  int beats;
  string option;
  initial begin
    beats = int'(Depth);
    option = $sformatf("%m=%%d");
    if ($value$plusargs(option, beats) && (beats < 2 || beats > int'(Depth))) begin
      $fatal(1, "%m: %0d beats; 2 to Depth=%0d are possible", beats, Depth);
    end
    limit = CountBits'(beats);
  end
`endif

  (* ram_style = RamStyle *)
  logic [Width-1:0] mem[Depth];
  logic [AddrBits-1:0] wr_addr_q, rd_addr_q;
  logic [CountBits-1:0] count_q, high_q;
  logic [Width-1:0] data_q;
  logic ready_q, valid_q, some_q, wr_last_q, rd_last_q;
  logic wr_fire, rd_fire;

  assign wr_fire = in_valid_i && ready_q;
  assign rd_fire = some_q && (out_ready_i || !valid_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_addr_q <= '0;
      rd_addr_q <= '0;
      wr_last_q <= 1'b0;
      rd_last_q <= 1'b0;
      count_q <= '0;
      high_q <= '0;
      ready_q <= 1'b0;
      some_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (wr_fire) begin
        wr_addr_q <= (wr_last_q ? '0 : wr_addr_q) + AddrBits'(!wr_last_q);
        wr_last_q <= wr_addr_q == AddrBits'(Depth - 2);
      end
      if (rd_fire) begin
        rd_addr_q <= (rd_last_q ? '0 : rd_addr_q) + AddrBits'(!rd_last_q);
        rd_last_q <= rd_addr_q == AddrBits'(Depth - 2);
      end
      // Flags of the count to come, from the count that is: no path runs through the sum.
      if (wr_fire != rd_fire) begin
        count_q <= count_q + {{CountBits - 1{rd_fire}}, 1'b1};
        ready_q <= rd_fire || count_q != limit - 1'b1;
        some_q  <= wr_fire || count_q != CountBits'(1);
      end else begin
        ready_q <= count_q != limit;
      end
      if (out_ready_i || !valid_q) valid_q <= some_q;
      if (count_q > high_q) high_q <= count_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (wr_fire) mem[wr_addr_q] <= in_data_i;
    if (rd_fire) data_q <= mem[rd_addr_q];
  end

  assign in_ready_o = ready_q;
  assign out_valid_o = valid_q;
  assign out_data_o = data_q;
  assign high_water_o = 32'(high_q);

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni && 32'(count_q) + 32'(wr_fire) > 32'(limit))
      $fatal(1, "%m: more than %0d beats", limit);
  end
  bnn_stream_check #(
      .Width(Width)
  ) u_check_out (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid_o),
      .ready_i(out_ready_i),
      .data_i (out_data_o)
  );
`endif
endmodule
