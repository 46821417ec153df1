"""What a kernel costs: a table of yosys results, the model fitted to it, how it is measured."""
