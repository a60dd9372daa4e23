"""Round numbers along an axis, and how numbers are written."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple

_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_FINEST = 1e-290  # below, floats lose the digits that tell ticks apart
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_CLOCK_STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 30, 90, 365)),
)


class Tick(NamedTuple):
    """A place on an axis and what is written there."""

    value: float
    label: str


def number_ticks(low: float, high: float, most: int, finest: float = 0.0) -> list[Tick]:
    """At most `most` ticks, at multiples of 1, 2 or 5 × 10ⁿ, none closer than `finest`."""
    step = _round_step(max((high - low) / most, finest))
    if not _FINEST < step < math.inf:
        return [Tick(low, short(low))]
    finer = _multiples(low, high, _finer(step))
    while len(finer) <= most and _finer(step) >= finest:
        step = _finer(step)
        finer = _multiples(low, high, _finer(step))
    values = _multiples(low, high, step) or finer
    return [Tick(value, label) for value, label in zip(values, _labels(values, step), strict=True)]


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _finer(step: float) -> float:
    """The next smaller of the steps 1, 2 and 5 × 10ⁿ."""
    return _round_step(step / 2.6)


def log_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Powers of ten; also 2 and 5 times them where there are few; as `number_ticks` within one."""
    decades = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    if len(decades) < 2:
        values = [
            digit * 10.0**power
            for power in range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
            for digit in (1, 2, 5)
            if low <= digit * 10.0**power <= high
        ]
        if len(values) < 2:
            return number_ticks(low, high, most)
        return [Tick(value, short(value)) for value in values[:most]]
    every = -(-len(decades) // most)
    return [Tick(10.0**power, short(10.0**power)) for power in decades if power % every == 0]


def duration_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Ticks at whole seconds, minutes, hours or days of a duration in seconds."""
    step = _clock_step((high - low) / max(most - 1, 1))
    if step is None:
        return number_ticks(low, high, most)
    values = [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [Tick(value, _duration(value, step)) for value in values]


def time_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Ticks at whole minutes, hours or days of local time, from unix seconds."""
    step = _clock_step((high - low) / max(most - 1, 1)) or 1
    try:
        zone = datetime.fromtimestamp(low, UTC).astimezone().utcoffset()
        datetime.fromtimestamp(high, UTC).astimezone()
    except (OverflowError, OSError, ValueError):  # no date of any calendar
        return number_ticks(low, high, most)
    shift = zone.total_seconds() if zone else 0.0
    first, last = math.ceil((low + shift) / step), math.floor((high + shift) / step)
    values = [index * step - shift for index in range(first, last + 1)]
    pattern = (
        "%Y-%m"
        if step >= 90 * _DAY
        else "%m-%d"
        if step >= _DAY
        else "%H:%M:%S"
        if step < _MINUTE
        else "%H:%M"
    )
    return [Tick(v, datetime.fromtimestamp(v, UTC).astimezone().strftime(pattern)) for v in values]


def short(value: float) -> str:
    """A number in few characters: `0.0123`, `15k`, `1.2M`, `3e-07`, `nan`."""
    size = abs(value)
    if not math.isfinite(value) or size == 0:
        return f"{value:g}"
    if size < 1e-3 or size >= 1e15:
        return _scientific(value)
    for unit, suffix in _SUFFIXES:
        if size >= max(unit, 1e4):
            return f"{value / unit:.4g}{suffix}"
    return f"{value:.4g}"


def plain(value: float) -> str:
    """A step: every digit of a whole number, whatever its size."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def _scientific(value: float, decimals: int = 2) -> str:
    digits, _, power = f"{value:.{min(decimals, 15)}e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}e{int(power)}"


def _round_step(raw: float) -> float:
    if raw <= 0 or not math.isfinite(raw):
        return 0.0
    power = math.floor(math.log10(raw))
    base = 10.0**power
    if base == 0:
        return 0.0
    digit = next(digit for digit in (1, 2, 5, 10) if raw <= digit * base * (1 + 1e-9))
    # Dividing keeps 0.1 × 3 from becoming 0.30000000000000004.
    return digit * base if power >= 0 else digit / 10.0**-power


def _labels(values: list[float], step: float) -> list[str]:
    """Labels of one kind, with the digits that tell neighbours apart."""
    largest = max(map(abs, values), default=0.0)
    if largest and (largest >= 1e15 or largest < 1e-3):
        digits = max(0, math.floor(math.log10(largest)) - math.floor(math.log10(step)))
        return [_scientific(value, digits) if abs(value) > step / 2 else "0" for value in values]
    unit, suffix = next(((u, s) for u, s in _SUFFIXES if largest >= max(u, 1e4)), (1.0, ""))
    decimals = min(max(0, -math.floor(math.log10(step / unit) + 1e-9)), 9)
    return [f"{value / unit + 0.0:.{decimals}f}{suffix if value else ''}" for value in values]


def _clock_step(raw: float) -> int | None:
    """The step on a clock; None where seconds are too coarse for it."""
    if raw < 0.5:
        return None
    return next((step for step in _CLOCK_STEPS_S if raw <= step), _round_days(raw))


def _round_days(raw: float) -> int:
    return max(int(_round_step(raw / _DAY)), 1) * _DAY


def _duration(value: float, step: int) -> str:
    if value < 0:
        return f"-{_duration(-value, step)}"
    seconds = round(value)
    if step >= _DAY:
        return f"{seconds // _DAY}d"
    if seconds >= _DAY and step >= _HOUR:
        return f"{seconds // _DAY}d{seconds % _DAY // _HOUR:02d}h"
    if step >= _HOUR:
        return f"{seconds // _HOUR}h"
    if step >= _MINUTE:
        hours, minutes = divmod(seconds // _MINUTE, 60)
        return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"
