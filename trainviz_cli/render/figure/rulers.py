"""Scales as matplotlib's axes: limits, ticks, and the numbers that floats barely hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    Formatter,
    Locator,
    LogLocator,
    NullFormatter,
)

from trainviz_cli.analysis.ticks import Tick, short
from trainviz_cli.render.figure.lettering import PALE, families

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axis import Axis

    from trainviz_cli.analysis.panels import Limits
    from trainviz_cli.analysis.scales import Scale
    from trainviz_cli.model.series import FloatArray, NumberArray

# Beyond these matplotlib's arithmetic overflows, underflows or takes two ends for one.
_SMALLEST, _LARGEST, _NARROWEST = 1e-270, 1e290, 1e-12
_FAR = 1e4  # axis lengths: what lies farther off is drawn there, to keep its lines straight


@dataclass(frozen=True, slots=True)
class Ruler:
    """How one axis places values.

    Attributes:
        scale: What it shows.
        most: Number of ticks it has room for.
        whole: Only whole numbers make sense on it.
    """

    scale: Scale
    most: int
    whole: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether matplotlib gets the values themselves, else their positions from 0 to 1."""
        low, high = self.scale.low, self.scale.high
        largest = max(abs(low), abs(high))
        smallest = low if self.scale.log else largest
        return (
            smallest > _SMALLEST and largest < _LARGEST and high - low > _NARROWEST * largest
        )

    def place(self, values: NumberArray) -> FloatArray:
        """(N,) where matplotlib draws them; NaN where it can't."""
        data = np.asarray(values, np.float64)
        places = self.scale.positions(data)
        if self.is_plain:
            places = data
            if not self.scale.log:
                far = _FAR * (self.scale.high - self.scale.low)
                places = np.clip(data, self.scale.low - far, self.scale.high + far)
        drawn = np.isfinite(data) & ((data > 0) if self.scale.log else True)
        return np.where(drawn, places, np.nan)

    def ticks(self, low: float, high: float) -> list[Tick]:
        """What is written on the part of the axis between these ends."""
        most = max(min(self.most, int(high - low) + 1), 2) if self.whole else self.most
        try:
            return replace(self.scale, low=low, high=high).ticks(most)
        except (OverflowError, ValueError):  # ends that no round number lies between
            return [Tick(end, short(end)) for end in (low, high)]

    def rule(self, axis: Axis) -> None:
        """Gives the axis its limits, ticks and grid."""
        low, high = self.scale.low, self.scale.high
        name = axis.axis_name
        if not self.is_plain:
            ticks = self.ticks(low, high)
            axis.axes.set(**{f"{name}lim": (0.0, 1.0)})
            places = self.scale.positions(np.array([tick.value for tick in ticks]))
            axis.set_major_locator(FixedLocator(places.tolist()))
            axis.set_major_formatter(FixedFormatter([tick.label for tick in ticks]))
        else:
            axis.axes.set(
                **{f"{name}scale": "log" if self.scale.log else "linear", f"{name}lim": (low, high)}
            )
            axis.set_major_locator(_Places(self))
            axis.set_major_formatter(_Names(self))
            if self.scale.log:
                axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10))))
                axis.set_minor_formatter(NullFormatter())
        axis.grid(visible=True, which="major", color="#dedede", linewidth=0.6)


def roomy(scale: Scale, limits: Limits, share: float) -> Scale:
    """The scale with room at the ends that the user left open, `share` of its length each."""
    low, high = scale.low, scale.high
    if scale.log:
        factor = 10 ** (share * (math.log10(high) - math.log10(low)))
        low, high = low / factor, high * factor
    else:
        room = (high - low) * share
        low, high = low - room, high + room
    if not (math.isfinite(low) and math.isfinite(high)) or (scale.log and low <= 0):
        return scale
    return replace(
        scale,
        low=low if limits.low is None else scale.low,
        high=high if limits.high is None else scale.high,
    )


class _Places(Locator):
    """Where the ticks of a ruler are, wherever a reader zooms to."""

    def __init__(self, ruler: Ruler) -> None:
        self.ruler = ruler

    def __call__(self) -> Sequence[float]:
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        return [tick.value for tick in self.ruler.ticks(min(vmin, vmax), max(vmin, vmax))]


class _Names(Formatter):
    """What is written at the ticks of a ruler."""

    def __init__(self, ruler: Ruler) -> None:
        self.ruler = ruler

    def __call__(self, x: float, pos: int | None = None) -> str:
        return short(x)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        low, high = sorted(self.axis.get_view_interval())
        names = {tick.value: tick.label for tick in self.ruler.ticks(low, high)}
        return [names.get(value, short(value)) for value in values]
