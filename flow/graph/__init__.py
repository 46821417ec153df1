"""Graph transformations from QONNX to the hardware graph: FINN's own, and our repairs."""
