# PYNQ-Z2. The only clock, clk_fpga_0, comes with the constraints of the PS, and no signal of the fabric
# leaves the device: there are no pins and no input or output delays to constrain.

set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
