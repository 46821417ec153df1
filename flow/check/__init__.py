"""Everything that holds a build against golden: simulators, the netlist check, the survey."""
