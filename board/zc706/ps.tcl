# ZC706: board file ships with Vivado. Without it the design still builds
# (see board/common/project.tcl).

set board_part_pattern "xilinx.com:zc706:part0:*"
set ps_script scripts/ps_processing_system7.tcl
# Properties of the PS beyond the board's preset and the ports of board/common.
set ps_settings {}
