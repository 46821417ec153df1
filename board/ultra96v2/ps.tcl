# Ultra96-V2: board file from Avnet's bdf repository. Without it the design still builds
# (see board/common/project.tcl).

set board_part_pattern "avnet.com:ultra96v2:part0:*"
set ps_script scripts/ps_zynq_ultra_ps_e.tcl
# Properties of the PS beyond the board's preset and the ports of board/common.
set ps_settings {}
