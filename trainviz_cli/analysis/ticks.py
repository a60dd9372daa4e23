"""Round numbers along an axis."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.model.numbers import scientific, short, thousands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FINEST = 1e-290  # below, floats lose the digits that tell ticks apart
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_LONGEST_S = 3e10  # to the year 2920, within what every system can name
_CLOCK_STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 30, 90, 365, 730, 1825, 3650, 36500, 365000)),
)


class Tick(NamedTuple):
    """A place on an axis and what is written there."""

    value: float
    label: str


def number_ticks(low: float, high: float, most: int, finest: float = 0.0) -> list[Tick]:
    """About `most` ticks at multiples of 1, 2 or 5 × 10ⁿ, low ≤ tick ≤ high.

    Two at least, unless multiples of `finest` are further apart than the axis is long.
    """
    step = _round_step(max(high / 2 - low / 2, finest))
    if not step > max(_FINEST, 4 * math.ulp(max(abs(low), abs(high)))):
        return _ends(low, high)
    values = _multiples(low, high, step)
    while (finer := _round_step(step / 2.6)) >= max(finest, _FINEST):
        more = _multiples(low, high, finer)
        if len(more) > most and len(values) >= 2:
            break
        step, values = finer, more
    return [Tick(value, label) for value, label in zip(values, _labels(values, step), strict=True)]


def log_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Powers of ten; also 2 and 5 times them where there are few; as `number_ticks` within one."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last <= first:
        return _log_ticks_of_one_decade(low, high, most)
    every = -(-(last - first + 1) // max(most, 2))
    powers = [power for power in range(first, last + 1) if power % every == 0]
    if len(powers) < 2:
        powers = [first, last]
    return [Tick(10.0**power, short(10.0**power)) for power in powers]


def _log_ticks_of_one_decade(low: float, high: float, most: int) -> list[Tick]:
    floor = math.floor(math.log10(low))
    values = [digit * 10.0**power for power in (floor, min(floor + 1, 307)) for digit in (1, 2, 5)]
    values = sorted({value for value in values if low <= value <= high})
    if not 2 <= len(values) <= most:
        return number_ticks(low, high, most)
    return [Tick(value, short(value)) for value in values]


def duration_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Ticks at whole seconds, minutes, hours or days of a duration in seconds."""
    if high - low < 2 or high - low > _LONGEST_S:
        return number_ticks(low, high, most)
    step, values = _clock_values(lambda step: _multiples(low, high, step), high - low, most)
    return [Tick(value, _duration(value, step)) for value in values]


def time_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Ticks at whole seconds, minutes, hours or days of local time, from unix seconds."""
    if high - low < 2 or not _DAY <= low <= high < _LONGEST_S:
        return number_ticks(low, high, most)
    step, values = _clock_values(lambda step: _local_times(low, high, step), high - low, most)
    return [Tick(value, _clock(value, step)) for value in values]


def _ends(low: float, high: float) -> list[Tick]:
    """The ends of an axis too short for round numbers."""
    return [Tick(low, f"{low:.17g}"), Tick(high, f"{high:.17g}")] if high > low else []


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [min(max(index * step, low), high) for index in range(first, last + 1)]


def _round_step(raw: float) -> float:
    """The next of 1, 2 or 5 × 10ⁿ that is not below; 0 where floats hold none."""
    if not 1e-300 < raw < math.inf:
        return 0.0
    power = math.floor(math.log10(raw))
    base = 10.0**power
    digit = next(digit for digit in (1, 2, 5, 10) if raw <= digit * base * (1 + 1e-9))
    # Dividing keeps 0.1 × 3 from becoming 0.30000000000000004.
    step = digit * base if power >= 0 else digit / 10.0**-power
    return step if math.isfinite(step) else base


def _labels(values: Sequence[float], step: float) -> list[str]:
    """Labels of one kind, with the digits that tell neighbours apart."""
    largest = max(map(abs, values), default=0.0)
    power = math.floor(math.log10(step) + 1e-9)
    digits = max(0, math.floor(math.log10(largest or step) + 1e-9) - power)
    if largest and (largest >= 1e15 or largest < 1e-3):
        return [scientific(value, digits) if abs(value) > step / 2 else "0" for value in values]
    unit, suffix = thousands(largest) if digits < 6 else (1.0, "")
    decimals = max(0, -math.floor(math.log10(step / unit) + 1e-9))
    return [f"{value / unit + 0.0:.{decimals}f}{suffix if value else ''}" for value in values]


def _clock_values(
    values_at: Callable[[int], list[float]], length_s: float, most: int
) -> tuple[int, list[float]]:
    """The finest step that leaves no more than `most` ticks, but two at least."""
    fine = [step for step in _CLOCK_STEPS_S if length_s / step <= most + 1]
    chosen: tuple[int, list[float]] = (1, [])
    for step in fine:
        chosen = (step, values_at(step))
        if len(chosen[1]) <= most:
            break
    if len(chosen[1]) >= 2:
        return chosen
    finer = max((step for step in _CLOCK_STEPS_S if step < chosen[0]), default=1)
    return finer, values_at(finer)


def _local_times(low: float, high: float, step: int) -> list[float]:
    """Unix seconds at which the local clock shows a multiple of the step."""
    begin = datetime.fromtimestamp(low, UTC).astimezone()
    zone = begin.utcoffset()
    shift = zone.total_seconds() if zone else 0.0
    if step < _DAY:
        return [value - shift for value in _multiples(low + shift, high + shift, step)]
    # Days are not all equally long where clocks change.
    every, first = step // _DAY, begin.toordinal()
    last = datetime.fromtimestamp(high, UTC).astimezone().toordinal()
    days = range(-(-first // every) * every, last + 1, every)
    midnights = (datetime.fromordinal(day).astimezone().timestamp() for day in days)
    return [at for at in midnights if low <= at <= high]


def _clock(value: float, step: int) -> str:
    """The local time, or, at midnight, the date that begins."""
    local = datetime.fromtimestamp(value, UTC).astimezone()
    if step >= 90 * _DAY:
        return local.strftime("%Y-%m-%d")
    if step >= _DAY or local.time() == time():
        return local.strftime("%m-%d")
    return local.strftime("%H:%M:%S" if step < _MINUTE else "%H:%M")


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
