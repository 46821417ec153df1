"""The stages of the flow, one a file; the list in order is in `flow.engine.pipeline`."""
