// Role: which bank and which word of the row the column of bnn_window_walk lies in.
// Formula: bank_o = col mod Banks, offset_o = floor(col / Banks) * Groups + group (mod 2^AddrBits).
// How: where Groups and Banks are powers of two, by wires; else counted along with the walk.
module bnn_window_offset #(
    parameter int unsigned Groups    = 2,
    parameter int unsigned OfmGroups = 2,
    parameter int unsigned ColStep   = 1,
    parameter int unsigned PadLeft   = 0,
    parameter int unsigned Banks     = 1,
    parameter int unsigned BankBits  = 1,
    parameter int unsigned GroupBits = 2,
    parameter int unsigned ColBits   = 4,
    parameter int unsigned AddrBits  = 6
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 step_i,
    input  logic [GroupBits-1:0] group_i,
    input  logic [  ColBits-1:0] col_i,
    input  logic                 last_group_i,
    input  logic                 last_kx_i,
    input  logic                 last_ky_i,
    input  logic                 next_last_ox_i,
    output logic [ BankBits-1:0] bank_o,
    output logic [ AddrBits-1:0] offset_o
);
  localparam int unsigned GroupShift = $clog2(Groups);
  localparam int unsigned BankShift = $clog2(Banks);

  if (Groups == 1 << GroupShift && Banks == 1 << BankShift) begin : gen_wires
    logic [AddrBits+ColBits-1:0] extended;
    assign extended = {{AddrBits{col_i[ColBits-1]}}, col_i};
    assign offset_o = (AddrBits'(extended >> BankShift) << GroupShift) | AddrBits'(group_i);
    assign bank_o   = (Banks == 1) ? '0 : BankBits'(extended);

    logic unused;
    assign unused = &{1'b0, clk_i, rst_ni, step_i, last_group_i, last_kx_i, last_ky_i,
                      next_last_ox_i, group_i};
  end else begin : gen_count
    typedef logic [AddrBits-1:0] offset_t;
    typedef logic [BankBits-1:0] bank_t;

    // A step of ColStep columns is StepLines times Banks and StepBanks more.
    localparam int unsigned StepLines = ColStep / Banks;
    localparam int unsigned StepBanks = ColStep % Banks;
    localparam int unsigned StartLines = (PadLeft + Banks - 1) / Banks;  // to the left
    localparam int unsigned StartBank = StartLines * Banks - PadLeft;
    localparam int unsigned Second = (OfmGroups == 1) ? StartBank : StartBank + ColStep;
    localparam int unsigned SecondBank = Second % Banks;
    localparam offset_t Start = -(offset_t'(StartLines * Groups));

    // Tables, not sums: a few bits of a bank need no carry chain.
    function automatic bank_t bank_step(input bank_t bank, input int unsigned step);
      bank_step = '0;
      for (int unsigned b = 0; b < Banks; b++) begin
        if (bank == bank_t'(b)) bank_step = bank_t'((b + step) % Banks);
      end
    endfunction

    function automatic logic leaves(input bank_t bank, input int unsigned step);
      leaves = 1'b0;
      for (int unsigned b = 0; b < Banks; b++) begin
        if (bank == bank_t'(b)) leaves = b + step >= Banks;
      end
    endfunction

    offset_t line_q, base_q, next_q;  // of group 0
    bank_t bank_q, base_bank_q, next_bank_q;
    logic leaves_q, next_leaves_q;  // the next column, the next window's next one: in a new line

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        line_q <= Start;
        base_q <= Start;
        next_q <= Start + offset_t'(Second / Banks * Groups);
        bank_q <= bank_t'(StartBank);
        base_bank_q <= bank_t'(StartBank);
        next_bank_q <= bank_t'(SecondBank);
        leaves_q <= leaves(bank_t'(StartBank), 1);
        next_leaves_q <= leaves(bank_t'(SecondBank), StepBanks);
      end else if (step_i && last_group_i) begin
        // The choice comes before the sum: what follows a carry chain makes a path long.
        line_q <= (!last_kx_i ? line_q : last_ky_i ? next_q : base_q)
            + ((!last_kx_i && leaves_q) ? offset_t'(Groups) : '0);
        bank_q <= !last_kx_i ? bank_step(bank_q, 1) : last_ky_i ? next_bank_q : base_bank_q;
        leaves_q <= !last_kx_i ? leaves(bank_step(bank_q, 1), 1)
            : last_ky_i ? leaves(next_bank_q, 1) : leaves(base_bank_q, 1);
        if (last_kx_i && last_ky_i) begin
          base_q <= next_q;
          next_q <= (next_last_ox_i ? Start : next_q) + (next_last_ox_i ? '0
              : next_leaves_q ? offset_t'((StepLines + 1) * Groups)
              : offset_t'(StepLines * Groups));
          base_bank_q <= next_bank_q;
          next_bank_q <= next_last_ox_i ? bank_t'(StartBank) : bank_step(next_bank_q, StepBanks);
          next_leaves_q <= next_last_ox_i ? leaves(bank_t'(StartBank), StepBanks)
              : leaves(bank_step(next_bank_q, StepBanks), StepBanks);
        end
      end
    end

    assign offset_o = line_q + offset_t'(group_i);
    assign bank_o   = bank_q;

    logic unused;
    assign unused = &{1'b0, col_i};
  end
endmodule
