"""FINN's room: its graph of the same network, for comparison and for `impl = \"hls\"`."""
