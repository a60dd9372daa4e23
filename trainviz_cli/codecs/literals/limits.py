"""What writing and reading a config agree on."""

MAX_DEPTH = 100
"""How deep values may nest. Python's own parser gives up at 200 open brackets."""

EXTRA = "_extra_"
"""Names the mapping of the keys that cannot be assigned to."""

TOO_DEEP = f"config nests more than {MAX_DEPTH} levels deep"
