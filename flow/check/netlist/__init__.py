"""Mapped netlists in simulation: what yosys made of the RTL runs beside it and must equal it.

`mapping` has yosys map modules, `emit` writes a netlist as SystemVerilog that Verilator runs,
`lockstep` puts it beside the RTL under the same inputs, `faults` plants what a check must find.
"""
