"""Everything behind the network: what becomes a kernel, how parallel it is, and the accelerator."""
