# PYNQ-Z2: board file from TUL's product page. Without it the design still builds
# (see board/common/project.tcl).

set board_part_pattern "tul.com.tw:pynq-z2:part0:*"
set ps_script scripts/ps_processing_system7.tcl
# Properties of the PS beyond the board's preset and the ports of board/common.
set ps_settings {}
