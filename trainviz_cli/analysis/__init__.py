"""Pure functions on columns: what is drawn is decided here, how it looks is not."""
