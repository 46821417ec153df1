# PYNQ-Z1: board file from Digilent's vivado-boards repository. Without it the design still builds
# (see board/common/project.tcl).

set board_part_pattern "www.digilentinc.com:pynq-z1:part0:*"
set ps_script scripts/ps_processing_system7.tcl
# Properties of the PS beyond the board's preset and the ports of board/common.
set ps_settings {}
