// Role: a register of which there may be several with equal contents. Synthesis joins equal
//       registers; these it leaves apart, so that each drives a part of the loads.
// How: flip-flops by name, which yosys and Vivado keep. Verilator, which does not know the
//      primitive, gets the plain twin; a test has yosys prove that both are equal.
// Latency: 1 cycle. rst_i, active high, clears it whatever en_i is; Init: each bit to begin with.
module bnn_copy #(
    parameter int unsigned Width = 1,
    parameter bit          Init  = 1'b0
) (
    input  logic             clk_i,
    input  logic             rst_i,
    input  logic             en_i,
    input  logic [Width-1:0] data_i,
    output logic [Width-1:0] data_o
);
`ifdef VERILATOR
  logic [Width-1:0] data_q;
  initial data_q = {Width{Init}};
  always_ff @(posedge clk_i) begin
    if (rst_i) data_q <= '0;
    else if (en_i) data_q <= data_i;
  end
  assign data_o = data_q;
`else
  for (genvar b = 0; b < Width; b++) begin : gen_bit
    (* keep = "true", dont_touch = "true" *)
    FDRE #(
        .INIT(Init)
    ) u_bit (
        .C (clk_i),
        .CE(en_i),
        .R (rst_i),
        .D (data_i[b]),
        .Q (data_o[b])
    );
  end
`endif
endmodule
