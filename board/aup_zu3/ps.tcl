# AUP-ZU3 (8 GB): board file from Real Digital's aup-zu3-bsp. Without it the design still builds
# (see board/common/project.tcl).

set board_part_pattern "realdigital.org:aup-zu3-8gb:part0:*"
set ps_script scripts/ps_zynq_ultra_ps_e.tcl
# Properties of the PS beyond the board's preset and the ports of board/common.
set ps_settings {}
