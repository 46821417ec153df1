"""The accelerator with its shell in Verilator, a server for the driver's sim backend."""
