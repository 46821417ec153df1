# The block design: PS, AXI DMA, interconnect, and the accelerator as a module reference.
# PYNQ's driver finds the cells by their names: axi_dma_0 and accel.

create_bd_design $design
source $ps_script
if {[llength $ps_settings] > 0} {
  set_property -dict $ps_settings [get_bd_cells ps]
}

create_bd_cell -type ip -vlnv [flow_ip proc_sys_reset] reset
create_bd_cell -type ip -vlnv [flow_ip axi_dma] axi_dma_0
create_bd_cell -type ip -vlnv [flow_ip smartconnect] control
create_bd_cell -type ip -vlnv [flow_ip smartconnect] memory
create_bd_cell -type module -reference $accelerator accel

# Simple mode (no scatter-gather): what pynq.lib.dma.DMA drives. 26 bits: packets up to 64 MiB.
set_property -dict [list \
  CONFIG.c_include_sg {0} \
  CONFIG.c_sg_length_width {26} \
  CONFIG.c_addr_width $dma_address_bits \
  CONFIG.c_include_mm2s {1} \
  CONFIG.c_include_s2mm {1} \
  CONFIG.c_m_axi_mm2s_data_width $dma_width_bits \
  CONFIG.c_m_axis_mm2s_tdata_width $dma_width_bits \
  CONFIG.c_m_axi_s2mm_data_width $dma_width_bits \
  CONFIG.c_s_axis_s2mm_tdata_width $dma_width_bits \
  CONFIG.c_mm2s_burst_size {16} \
  CONFIG.c_s2mm_burst_size {16} \
] [get_bd_cells axi_dma_0]
set_property -dict [list CONFIG.NUM_SI {1} CONFIG.NUM_MI {2}] [get_bd_cells control]
set_property -dict [list CONFIG.NUM_SI {2} CONFIG.NUM_MI {1}] [get_bd_cells memory]

# Streams and buses
connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXIS_MM2S] [get_bd_intf_pins accel/s_axis]
connect_bd_intf_net [get_bd_intf_pins accel/m_axis] [get_bd_intf_pins axi_dma_0/S_AXIS_S2MM]
connect_bd_intf_net [get_bd_intf_pins $ps_control] [get_bd_intf_pins control/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins control/M00_AXI] [get_bd_intf_pins axi_dma_0/S_AXI_LITE]
connect_bd_intf_net [get_bd_intf_pins control/M01_AXI] [get_bd_intf_pins accel/s_axi]
connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXI_MM2S] [get_bd_intf_pins memory/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXI_S2MM] [get_bd_intf_pins memory/S01_AXI]
connect_bd_intf_net [get_bd_intf_pins memory/M00_AXI] [get_bd_intf_pins $ps_memory]

# One clock for everything
foreach pin [list \
  reset/slowest_sync_clk control/aclk memory/aclk accel/aclk \
  axi_dma_0/s_axi_lite_aclk axi_dma_0/m_axi_mm2s_aclk axi_dma_0/m_axi_s2mm_aclk \
  $ps_control_clock $ps_memory_clock \
] {
  connect_bd_net [get_bd_pins $ps_clock] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins $ps_reset] [get_bd_pins reset/ext_reset_in]
foreach pin {control/aresetn memory/aresetn} {
  connect_bd_net [get_bd_pins reset/interconnect_aresetn] [get_bd_pins $pin]
}
foreach pin {axi_dma_0/axi_resetn accel/aresetn} {
  connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins $pin]
}

# Registers: the DMA's 64 KiB, then the accelerator's 4 KiB. The DMA sees the DDR.
assign_bd_address -offset $address_base -range 64K [get_bd_addr_segs axi_dma_0/S_AXI_LITE/Reg]
assign_bd_address -offset [format 0x%08X [expr {$address_base + 0x10000}]] -range 4K \
  [get_bd_addr_segs accel/s_axi/reg0]
assign_bd_address

validate_bd_design
flow_check_clock [get_property $ps_made_clock [get_bd_cells ps]] $clock_mhz
save_bd_design
