"""The compiled model of a hardware graph: the C++ that is generated, built and called."""
