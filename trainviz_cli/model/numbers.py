"""How numbers are written in few characters."""

from __future__ import annotations

import math
from itertools import pairwise

_UNITS_S = ((31_557_600, "y"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
# Between these, four digits need neither a power of ten nor a letter.
_PLAIN_FROM, _PLAIN_TO = 1e-3, 9999.5


def short(value: float) -> str:
    """A number in few characters: `0.0123`, `15k`, `1.2M`, `3e-7`, `nan`."""
    if _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        return f"{value:.4g}"
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    rounded = float(f"{value:.4g}")
    value = rounded if math.isfinite(rounded) else value
    size = abs(value)
    if size < 1e-3 or size >= 1e15:
        return scientific(value)
    unit, suffix = thousands(size)
    return f"{value / unit:.4g}{suffix}"


def plain(value: float) -> str:
    """A step: every digit of a whole number, whatever its size."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def thousands(size: float) -> tuple[float, str]:
    """What to count a number of this size in: thousands, from ten of them on."""
    return next(((unit, suffix) for unit, suffix in _SUFFIXES if size >= max(unit, 1e4)), (1.0, ""))


def scientific(value: float, decimals: int = 3) -> str:
    """With a power of ten, and no zeros that say nothing: `1.5e-7`."""
    digits, _, power = f"{value:.{min(decimals, 16)}e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}e{int(power)}"


def change(difference: float) -> str:
    """A difference with its sign, in two digits or more: `+0.013`, `-2`, `0`."""
    if 1e-4 <= abs(difference) < 99.5:
        return f"{difference:+.2g}"
    return f"+{short(difference)}" if difference > 0 else short(difference)


def age(seconds: float) -> str:
    """How long ago, in its largest unit: `now`, `12s`, `3m`, `5h`, `2d`, `3y`."""
    for unit, suffix in _UNITS_S:
        if seconds >= unit:
            return f"{int(seconds // unit)}{suffix}"
    return "now"


def duration(seconds: float) -> str:
    """How long something took, in its two largest units: `2h05m`, `43s`."""
    for (unit, suffix), (smaller, small_suffix) in pairwise(_UNITS_S):
        if seconds >= unit:
            rest = int(seconds % unit // smaller)
            return f"{int(seconds // unit)}{suffix}" + (f"{rest:02d}{small_suffix}" if rest else "")
    return f"{int(seconds)}s"
