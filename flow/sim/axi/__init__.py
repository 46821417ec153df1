"""The accelerator with its shell in Verilator, as a server that the driver's sim backend talks to."""
