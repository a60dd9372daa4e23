"""Charts as matplotlib figures: for a file or a window, on paper and in black and white."""
