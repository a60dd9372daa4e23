"""Data in, pictures out; a renderer knows no file and no log format."""
