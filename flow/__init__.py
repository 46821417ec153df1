"""From a trained binary network to a verified FPGA accelerator with its driver."""
