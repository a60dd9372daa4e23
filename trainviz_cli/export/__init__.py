"""Runs in other formats."""
