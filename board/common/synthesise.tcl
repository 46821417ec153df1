# Wrapper, output products, synthesis of everything at once, checkpoint, hardware handoff.

set bd_file [get_files $design.bd]
# One netlist instead of one per IP: the checkpoint then holds all of the design.
set_property synth_checkpoint_mode None $bd_file
generate_target all $bd_file
make_wrapper -files $bd_file -top -import
set_property top ${design}_wrapper [get_filesets sources_1]
update_compile_order -fileset sources_1

flow_step "synthesis"
launch_runs synth_1 -jobs $jobs
flow_finish_run synth_1
open_run synth_1
report_utilization -file utilization_synth.rpt
write_checkpoint -force synthesised.dcp

set handoff [glob -nocomplain \
  project/$design.gen/sources_1/bd/$design/hw_handoff/$design.hwh \
  project/$design.srcs/sources_1/bd/$design/hw_handoff/$design.hwh]
if {[llength $handoff] == 0} {
  flow_fail "Vivado wrote no hardware handoff file ($design.hwh) for the block design"
}
file copy -force [lindex $handoff 0] $design.hwh
close_project
