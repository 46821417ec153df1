# Place and route of the synthesised checkpoint, reports, bitstream.

open_checkpoint $checkpoint
read_xdc scripts/timing.xdc

# The PS divides its PLLs by whole numbers and may reach less than was asked for. The board's
# driver asks for the same figure again, so timing is closed for the figure that was asked for.
set clocks [get_clocks -quiet {clk_pl_0 clk_fpga_0}]
if {[llength $clocks] != 1} {
  flow_fail "the design should have one clock from the PS, it has [llength $clocks]"
}
set period_ns [get_property PERIOD $clocks]
set wanted_ns [expr {1000.0 / $clock_mhz}]
flow_value ps_period_ns $period_ns
if {$period_ns > $wanted_ns} {
  set_clock_uncertainty -setup [format %.3f [expr {$period_ns - $wanted_ns}]] $clocks
}

flow_step "optimisation"
opt_design
flow_step "placement"
place_design
flow_step "physical optimisation"
phys_opt_design
flow_step "routing"
route_design

flow_step "reports"
report_timing_summary -file timing.rpt
report_utilization -file utilization.rpt
report_power -file power.rpt
report_route_status -file route.rpt
report_drc -file drc.rpt
write_checkpoint -force routed.dcp

flow_step "bitstream"
write_bitstream -force $design.bit
close_design
