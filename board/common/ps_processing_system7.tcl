# Zynq-7000: one clock, one master for registers, one 64-bit slave for the DMA.
# Sets ps_clock, ps_reset, ps_control, ps_control_clock, ps_memory, ps_memory_clock,
# dma_address_bits, address_base and ps_made_clock, the property that says which clock the PS makes.

create_bd_cell -type ip -vlnv [flow_ip processing_system7] ps
set preset [expr {$board_part ne ""}]
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 \
  -config [list make_external "FIXED_IO, DDR" apply_board_preset $preset \
    Master "Disable" Slave "Disable"] [get_bd_cells ps]
# A preset may keep its own dividers and ignore the clock asked for.
set_property CONFIG.PCW_OVERRIDE_BASIC_CLOCK {0} [get_bd_cells ps]
set_property -dict [list \
  CONFIG.PCW_USE_M_AXI_GP0 {1} \
  CONFIG.PCW_USE_S_AXI_HP0 {1} \
  CONFIG.PCW_S_AXI_HP0_DATA_WIDTH $dma_width_bits \
  CONFIG.PCW_EN_CLK0_PORT {1} \
  CONFIG.PCW_EN_RST0_PORT {1} \
  CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $ps_clock_mhz \
] [get_bd_cells ps]
set ps_clock ps/FCLK_CLK0
set ps_reset ps/FCLK_RESET0_N
set ps_control ps/M_AXI_GP0
set ps_control_clock ps/M_AXI_GP0_ACLK
set ps_memory ps/S_AXI_HP0
set ps_memory_clock ps/S_AXI_HP0_ACLK
set dma_address_bits 32
set address_base 0x40000000
set ps_made_clock CONFIG.PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ
