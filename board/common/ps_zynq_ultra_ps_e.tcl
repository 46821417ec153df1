# Zynq UltraScale+: one clock, one 32-bit master for registers, one slave for the DMA.
# Sets ps_clock, ps_reset, ps_control, ps_control_clock, ps_memory, ps_memory_clock,
# dma_address_bits (40: buffers may lie above 4 GiB), address_base and ps_made_clock, the property
# that says which clock the PS makes.

create_bd_cell -type ip -vlnv [flow_ip zynq_ultra_ps_e] ps
if {$board_part ne ""} {
  apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e \
    -config {apply_board_preset "1"} [get_bd_cells ps]
}
# Some presets (Ultra96-V2) keep their own dividers and ignore the clock asked for.
set_property CONFIG.PSU__OVERRIDE__BASIC_CLOCK {0} [get_bd_cells ps]
# M_AXI_GP0 is HPM0_FPD, GP1 is HPM1_FPD, GP2 is HPM0_LPD; S_AXI_GP2 is HP0_FPD.
set_property -dict [list \
  CONFIG.PSU__USE__M_AXI_GP0 {1} \
  CONFIG.PSU__USE__M_AXI_GP1 {0} \
  CONFIG.PSU__USE__M_AXI_GP2 {0} \
  CONFIG.PSU__USE__S_AXI_GP2 {1} \
  CONFIG.PSU__MAXIGP0__DATA_WIDTH {32} \
  CONFIG.PSU__SAXIGP2__DATA_WIDTH $dma_width_bits \
  CONFIG.PSU__FPGA_PL0_ENABLE {1} \
  CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $ps_clock_mhz \
] [get_bd_cells ps]
set ps_clock ps/pl_clk0
set ps_reset ps/pl_resetn0
set ps_control ps/M_AXI_HPM0_FPD
set ps_control_clock ps/maxihpm0_fpd_aclk
set ps_memory ps/S_AXI_HP0_FPD
set ps_memory_clock ps/saxihp0_fpd_aclk
set dma_address_bits 40
set address_base 0xA0000000
set ps_made_clock CONFIG.PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ
