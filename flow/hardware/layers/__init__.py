"""The layers that a network becomes: the input's codes, and products with what follows them."""
