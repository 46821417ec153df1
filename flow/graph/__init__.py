"""Graph transformations between QONNX and the hardware graph: FINN's own, and our repairs of them."""
