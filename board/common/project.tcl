# A project with the generated RTL: the very files that were simulated.

create_project -force $design project -part $part
if {[llength $board_files] > 0} {
  # A run is a process of its own: it takes the folder from the project, not from set_param.
  set_property board_part_repo_paths $board_files [current_project]
}
set board_part [flow_board_part $board_part_pattern]
if {$board_part ne ""} {
  set_property board_part $board_part [current_project]
} else {
  puts "INFO: \[flow\] no board file matches $board_part_pattern: the PS keeps its defaults outside\
    the ports used here (PYNQ's boot image sets up DDR and MIO, not this design)"
}
set_property target_language Verilog [current_project]

set rtl_files [lsort [glob -nocomplain rtl/*.v rtl/*.sv]]
if {[llength $rtl_files] == 0} {
  flow_fail "there is no RTL in rtl/"
}
add_files -norecurse $rtl_files
set memory_files [lsort [glob -nocomplain rtl/*.mem]]
if {[llength $memory_files] > 0} {
  add_files -norecurse $memory_files
}
update_compile_order -fileset sources_1
