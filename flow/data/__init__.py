"""Images: data sets, photographs, and where they come from."""
