"""The values and names that training code logs, as backends of numbers take them."""

from __future__ import annotations

import warnings

_CALLERS = 4  # between a warning and the code that called a backend


def check_name(name: object) -> str:
    """The name of a scalar.

    Raises:
        TypeError: It is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"a tag is a str, not {type(name).__name__}")
    return name


def as_number(name: str, value: object) -> float | None:
    """The value as a float; None, with a warning, where it is no number.

    Args:
        name: What it is called, for the warning.
        value: A number, or a NumPy, torch or JAX scalar; whole numbers too large are infinite.

    Raises:
        TypeError: It is an array of several.
    """
    if item := getattr(value, "item", None):  # NumPy, torch, JAX
        try:
            value = item()
        except (TypeError, ValueError, RuntimeError):
            shape = tuple(getattr(value, "shape", ()))
            raise TypeError(f"an array of shape {shape} is no scalar") from None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    warnings.warn(f"{name}: {type(value).__name__} is no number, skip it!", stacklevel=_CALLERS)
    return None
