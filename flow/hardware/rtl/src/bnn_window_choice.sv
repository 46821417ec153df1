// Role: one word of several; each bit is a multiplexer of its own (LUT6, F7, F8).
// A module of its own, which yosys elaborates once for all pixels of a window: written out in
// bnn_window_buffer, fourteen pixels of 64 bits kept it busy for over 25 minutes.
module bnn_window_choice #(
    parameter int unsigned Width     = 1,
    parameter int unsigned IndexBits = 1
) (
    input  logic [(1<<IndexBits)*Width-1:0] choices_i,  // word 0 in the lowest bits
    input  logic [           IndexBits-1:0] index_i,
    output logic [               Width-1:0] word_o
);
  for (genvar w = 0; w < Width; w++) begin : gen_bit
    logic [(1<<IndexBits)-1:0] choice;
    for (genvar c = 0; c < (1 << IndexBits); c++) begin : gen_choice
      assign choice[c] = choices_i[c*Width+w];
    end
    assign word_o[w] = choice[index_i];
  end
endmodule
