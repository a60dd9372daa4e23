"""A value as `json.dumps` writes it, byte for byte: what a scalar log's line is made of."""

from __future__ import annotations

import json

# From the first up to the second, orjson writes a float as `float.__repr__` does, and several
# times faster; callers on a hot path look before they call.
PLAIN_FROM, PLAIN_TO = 1e-4, 1e16


def scalar_text(value: object) -> bytes:
    """One value as JSON text; an array must hold just one.

    Raises:
        TypeError: It is an array of several, or nothing JSON can hold.
    """
    if item := getattr(value, "item", None):  # NumPy, torch, JAX
        try:
            value = item()
        except (TypeError, ValueError, RuntimeError):
            shape = tuple(getattr(value, "shape", ()))
            raise TypeError(f"an array of shape {shape} is no scalar") from None
    return value_text(value)


def value_text(value: object) -> bytes:
    """The value as `json.dumps` writes it.

    Raises:
        TypeError: JSON can't hold it.
    """
    if type(value) is float and value - value == 0:  # finite: the others would give NaN
        return float.__repr__(value).encode()
    try:
        return b"%d" % value if type(value) is int else _ENCODER.encode(value).encode()
    except (ValueError, RuntimeError) as error:
        raise TypeError(f"a value can't be written as JSON: {error}") from None


def _plain(value: object) -> object:
    """What JSON can hold instead of `value`, as MMEngine converts it.

    Raises:
        TypeError: There is no such thing.
    """
    if isinstance(value, set | frozenset | range):
        return list(value)
    if hasattr(value, "tolist"):  # NumPy, torch and JAX: a number where there is one dimension less
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


_ENCODER = json.JSONEncoder(default=_plain)
