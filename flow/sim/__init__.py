"""Checks of an accelerator without its board: compiled model and simulated RTL against golden."""
