# Place and route of the synthesised checkpoint, reports, bitstream.

open_checkpoint $checkpoint
read_xdc scripts/timing.xdc

# clock_mhz is what the driver sets on the board. Vivado's PS may make a little less (it knows the
# reference clock with other digits): timing is closed for clock_mhz all the same.
set clocks [get_clocks -quiet {clk_pl_0 clk_fpga_0}]
if {[llength $clocks] != 1} {
  flow_fail "the design should have one clock from the PS, it has [llength $clocks]"
}
set period_ns [get_property PERIOD $clocks]
set wanted_ns [expr {1000.0 / $clock_mhz}]
flow_value ps_period_ns $period_ns
if {$period_ns > $wanted_ns} {
  # Vivado counts in ps: 6.667 ns for 150 MHz is a little long already.
  set lost_ps [expr {ceil(1000 * ($period_ns - $wanted_ns))}]
  set_clock_uncertainty -setup [format %.3f [expr {$lost_ps / 1000}]] $clocks
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
