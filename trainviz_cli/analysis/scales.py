"""Where values lie along an axis, and what of them a scale hides."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.analysis.ticks import (
    Tick,
    duration_ticks,
    log_ticks,
    number_ticks,
    time_ticks,
)
from trainviz_cli.errors import UsageError
from trainviz_cli.model.numbers import plain, short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainviz_cli.analysis.panels import Limits, Panel
    from trainviz_cli.model.series import FloatArray, NumberArray

_ROBUST_SHARE = 0.01
_ROBUST_REACH = 0.5  # of the quantiles' distance: how far beyond them data still counts as near
_FLATTENED = 0.1
_CLOSEST_DECADES = 1e-9
_SMALLEST, _LARGEST = sys.float_info.min, sys.float_info.max
_LEAST_POWER, _GREATEST_POWER = -307.65, 308.25  # of 10


class Scale(NamedTuple):
    """One axis: data values to 0..1.

    Attributes:
        low: Value at 0; on a logarithmic axis above 0.
        high: Value at 1; above `low`.
        log: Logarithmic.
        kind: number, whole (a count), time (unix seconds) or relative (seconds).
    """

    low: float
    high: float
    log: bool = False
    kind: str = "number"

    def positions(self, values: NumberArray) -> FloatArray:
        """(N,) 0 at the low end, 1 at the high end, beyond them outside; NaN where not finite."""
        data = np.asarray(values, np.float64)
        with np.errstate(all="ignore"):
            if self.log:
                data = np.log10(np.where(data > 0, data, np.nan))
                low, high = math.log10(self.low), math.log10(self.high)
            else:
                low, high = self.low, self.high
            # A range over all floats would overflow, so it is halved.
            half = 1.0 if math.isfinite(high - low) else 0.5
            places: FloatArray = (data * half - low * half) / (high * half - low * half)
        return np.where(np.isfinite(data), np.clip(places, -1e9, 1e9), np.nan)

    def value_at(self, place: float) -> float:
        """The value at a place, as `positions` gives it."""
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            power = min(max(low + (high - low) * place, _LEAST_POWER), _GREATEST_POWER)
            return float(10**power)
        # Not by the difference, which may be more than a float can hold.
        return self.low * (1 - place) + self.high * place

    def ticks(self, most: int) -> list[Tick]:
        """About `most` round values on the axis."""
        if self.log:
            return log_ticks(self.low, self.high, most)
        if self.kind == "time":
            return time_ticks(self.low, self.high, most)
        if self.kind == "relative":
            return duration_ticks(self.low, self.high, most)
        return number_ticks(self.low, self.high, most, finest=1.0 if self.kind == "whole" else 0.0)


def dates(scale: Scale) -> tuple[str, str] | None:
    """First and last local date on a time axis; None if no calendar has them."""
    try:
        ends = [datetime.fromtimestamp(end, UTC).astimezone() for end in (scale.low, scale.high)]
    except (OverflowError, OSError, ValueError):
        return None
    return f"{ends[0]:%Y-%m-%d}", f"{ends[1]:%Y-%m-%d}"


def x_scale(panel: Panel) -> Scale:
    """The x axis that shows every sample, or what `xlim` says."""
    drawing = panel.drawing
    values = _concatenate(curve.view.x for curve in panel.curves)
    ends = _ends(values, log=drawing.log_x)
    whole = all(np.issubdtype(curve.view.x.dtype, np.integer) for curve in panel.curves)
    kind = panel.axis if panel.axis in {"time", "relative"} else "whole" if whole else "number"
    return _limited(ends, drawing.xlim, "xlim", log=drawing.log_x, kind=kind)


def y_scale(panel: Panel, x: Scale) -> Scale:
    """The y axis that shows every finite value in sight, the robust one, or what `ylim` says."""
    drawing = panel.drawing
    values = _concatenate(
        _visible(column, curve.view.x, x)
        for curve in panel.curves
        for column in (curve.view.y, curve.smooth)
        if column is not None
    )
    ends = robust_ends(values[values > 0] if drawing.log_y else values) if drawing.robust else None
    ends = ends or _ends(values, log=drawing.log_y)
    return _limited(ends, drawing.ylim, "ylim", log=drawing.log_y, margin=0.03)


def robust_ends(values: FloatArray) -> tuple[float, float] | None:
    """Ends that leave outliers out: all but 1 % on each side, and what lies near the rest."""
    known = values[np.isfinite(values)]
    if len(known) < 10:
        return None
    # np.quantile would import NumPy's masked arrays, for longer than a chart takes.
    beyond = max(1, round(_ROBUST_SHARE * len(known)))  # on each side
    ranks = [beyond, len(known) - 1 - beyond]
    low, high = (float(end) for end in np.partition(known, ranks)[ranks])
    reach = (high - low) * _ROBUST_REACH
    near = known[(known >= low - reach) & (known <= high + reach)]
    return float(near.min()), float(near.max())


def is_flattened(panel: Panel) -> bool:
    """Whether a few outliers, and nobody's wish, squeeze the rest into a tenth of the axis."""
    drawing = panel.drawing
    if drawing.robust or drawing.log_y or drawing.ylim != (None, None):
        return False
    x = x_scale(panel)
    values = _concatenate(_visible(curve.view.y, curve.view.x, x) for curve in panel.curves)
    near, (low, high) = robust_ends(values), _ends(values, log=False)
    return near is not None and near[1] - near[0] < _FLATTENED * (high - low)


def hidden(panel: Panel, x: Scale, y: Scale) -> list[str]:
    """What the chart can't show, one line each: off the scale, or not on a logarithmic axis."""
    lines = []
    if not any(len(_visible(curve.view.x, curve.view.x, x)) for curve in panel.curves):
        lines.append("no sample lies between the ends of the x axis")
    for curve in panel.curves:
        values = _visible(curve.view.y, curve.view.x, x)
        steps = _visible(curve.view.steps, curve.view.x, x)
        name = f"{curve.label}: " if len(panel.curves) > 1 else ""
        above, below = values > y.high, values < y.low
        if y.log:
            below &= values > 0
            if count := int(((values <= 0) & np.isfinite(values)).sum()):
                lines.append(
                    f"{name}{count} of {len(values)} not above 0, so not on a logarithmic axis"
                )
        finite = np.isfinite(values)
        sides = ((above & finite, "above", np.argmax), (below & finite, "below", np.argmin))
        for off, word, extreme in sides:
            if off.any():
                worst = int(np.flatnonzero(off)[extreme(values[off])])
                far = f"{short(values[worst])} at step {plain(steps[worst])}"
                lines.append(f"{name}{int(off.sum())} {word} the scale, as far as {far}")
    return lines


def _visible(column: NumberArray, x_values: NumberArray, x: Scale) -> FloatArray:
    places = np.asarray(x_values, np.float64)
    return np.asarray(column, np.float64)[(places >= x.low) & (places <= x.high)]


def _concatenate(columns: Iterable[NumberArray]) -> FloatArray:
    parts = [np.asarray(column, np.float64) for column in columns]
    return np.concatenate(parts) if parts else np.empty(0)


def _ends(values: FloatArray, *, log: bool) -> tuple[float, float]:
    known = values[np.isfinite(values) & ((values > 0) if log else True)]
    if not len(known):
        return (1.0, 10.0) if log else (0.0, 1.0)
    return float(known.min()), float(known.max())


def _limited(
    ends: tuple[float, float],
    limits: Limits,
    option: str,
    *,
    log: bool,
    kind: str = "number",
    margin: float = 0.0,
) -> Scale:
    """The scale between these ends, or the user's, with room at an end that the data set."""
    low = ends[0] if limits.low is None else limits.low
    high = ends[1] if limits.high is None else limits.high
    if log:
        low, high = _log_ends(low, high, limits, option)
    if low > high:
        low, high = (low, low) if limits.low is not None else (high, high)
    if low == high or (log and math.log10(high) - math.log10(low) < _CLOSEST_DECADES):
        pad = 1.0 if kind in {"time", "relative"} else abs(low) * 0.5 or 0.5
        low, high = (low / 2 or low, high * 2) if log else (low - pad, high + pad)
    elif margin and not log:
        room = (high - low) * margin
        low -= room if limits.low is None else 0
        high += room if limits.high is None else 0
    return Scale(max(low, -_LARGEST), min(high, _LARGEST), log, kind)


def _log_ends(low: float, high: float, limits: Limits, option: str) -> tuple[float, float]:
    """The ends, both above zero: a robust one may not be."""
    if any(end is not None and end <= 0 for end in (limits.low, limits.high)):
        raise UsageError(f"--{option} must lie above 0 on a logarithmic axis")
    high = high if high > 0 else max(low, 1.0) * 1e3
    return low if low > 0 else max(high / 1e3, _SMALLEST), high
