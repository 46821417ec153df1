"""Mapping by yosys, kernel by kernel: what it takes and how deep its logic is."""
