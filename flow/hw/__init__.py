"""Parts that do not know a network: streams, memory images, netlists, costs."""
