"""From the user's file to a network: the golden model, its integers, and two second opinions."""
