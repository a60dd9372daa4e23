"""Bytes to values and back; nothing here knows what a run is."""
