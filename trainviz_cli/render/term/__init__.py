"""Charts and text for a terminal."""
