# What the other scripts share. Everything they need to know is in variables set by the generated
# script (see flow/templates/vivado); nothing here knows a board.

# Stop with one line that a log reader finds: the flow shows the first line that begins with ERROR.
proc flow_fail {message} {
  puts "ERROR: \[flow\] $message"
  error $message
}

# Say where the run is; the flow turns these lines into its progress display.
proc flow_step {text} {
  puts "FLOW_STEP: $text"
}

# Hand a measured value to the flow.
proc flow_value {name value} {
  puts "FLOW_VALUE: $name=$value"
}

# Return the newest version of a Xilinx IP in this Vivado's catalogue.
proc flow_ip {name} {
  set found [lsort -dictionary [get_ipdefs -quiet "xilinx.com:ip:${name}:*"]]
  if {[llength $found] == 0} {
    flow_fail "this Vivado has no IP $name; install it with support for the device of this board"
  }
  return [lindex $found end]
}

# Return the newest installed board file that matches; empty if none is installed.
proc flow_board_part {pattern} {
  return [lindex [lsort -dictionary [get_board_parts -quiet $pattern]] end]
}

# Stop unless the PS makes about the clock that was planned. A board's preset can keep dividers of
# its own and ignore the clock asked for. The next divisor of another PLL is let through (200 MHz
# become 187.5): the driver sets its own divisors, and implement.tcl makes up for the difference.
proc flow_check_clock {found_mhz wanted_mhz} {
  if {abs($found_mhz - $wanted_mhz) > 0.1 * $wanted_mhz} {
    flow_fail "the PS makes $found_mhz MHz, planned are $wanted_mhz MHz: the board's preset or\
      ps_settings in its ps.tcl override the clock; correct them there, or plan with the PLL that\
      Vivado sets (board.toml, \[ps.clock\])"
  }
}

# Wait for a run. Vivado puts the reason of a failure into the run's own log only: repeat it.
proc flow_finish_run {run} {
  wait_on_run $run
  if {[get_property PROGRESS [get_runs $run]] eq "100%"} {
    return
  }
  set log [file join [get_property DIRECTORY [get_runs $run]] runme.log]
  if {[file exists $log]} {
    set channel [open $log r]
    foreach line [split [read $channel] "\n"] {
      if {[string match "ERROR:*" $line]} {
        puts $line
      }
    }
    close $channel
  }
  flow_fail "$run did not finish: [get_property STATUS [get_runs $run]]"
}
