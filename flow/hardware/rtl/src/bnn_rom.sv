// Role: read-only memory filled from a $readmemh image. Style "auto", "block" or "distributed"
//       (LUTs) goes to the tool as its rom_style.
// Addresses: Ports equal ones, the lowest first, each for a part of the word: no address drives all
//       of a wide memory of LUTs.
// Latency: 1 cycle; the register keeps its word while en_i is low.
module bnn_rom #(
    parameter int unsigned  Width    = 8,
    parameter int unsigned  Depth    = 16,
    parameter               File     = "",
    parameter               RomStyle = "auto",
    parameter int unsigned  Ports    = 1,
    localparam int unsigned AddrBits = (Depth > 1) ? $clog2(Depth) : 1
) (
    input  logic                      clk_i,
    input  logic                      en_i,
    input  logic [Ports*AddrBits-1:0] addr_i,
    output logic [         Width-1:0] data_o
);
`ifdef YOSYS
  // yosys calls a ROM made of LUTs "logic"; for it "distributed" is LUT RAM, which has no ROM.
  localparam Style = (RomStyle == "distributed") ? "logic" : RomStyle;
`else
  localparam Style = RomStyle;
`endif

`ifndef YOSYS  // which elaborates every module with its defaults while it reads it
  if (File == "") begin : gen_no_file
    $error("bnn_rom: File=\"%s\" for %0d words; a ROM needs an image", File, Depth);
  end
`endif

  (* rom_style = Style *)
  logic [Width-1:0] mem[Depth];
  logic [Width-1:0] data_q;

  if (File != "") begin : gen_image
    initial $readmemh(File, mem);
  end

  for (genvar p = 0; p < Ports; p++) begin : gen_port
    localparam int unsigned First = p * Width / Ports;
    localparam int unsigned Bits = (p + 1) * Width / Ports - First;
    logic [AddrBits-1:0] addr;
    assign addr = addr_i[p*AddrBits+:AddrBits];
    always_ff @(posedge clk_i) if (en_i) data_q[First+:Bits] <= mem[addr][First+:Bits];
  end

  assign data_o = data_q;
endmodule
