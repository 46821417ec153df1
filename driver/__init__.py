"""The driver that runs on the board, and on its simulation: Python, NumPy and pynq only."""
