"""Scales as matplotlib's axes: limits, ticks, and the numbers that floats barely hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    Formatter,
    Locator,
    LogLocator,
    NullFormatter,
)

from trainviz_cli.analysis.ticks import Tick
from trainviz_cli.model.numbers import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from trainviz_cli.analysis.panels import Limits
    from trainviz_cli.analysis.scales import Scale
    from trainviz_cli.model.series import FloatArray, NumberArray

# Beyond these matplotlib's arithmetic overflows, underflows or takes two ends for one.
_SMALLEST, _LARGEST, _NARROWEST = 1e-270, 1e290, 1e-12
_STRAIGHT = 1e-9
_FAR = 1e4  # axis lengths: what lies farther off is drawn there, to keep its lines straight


@dataclass(frozen=True, slots=True)
class Ruler:
    """How one axis places values.

    Attributes:
        scale: What it shows.
        most: Number of ticks it has room for.
    """

    scale: Scale
    most: int

    @property
    def is_plain(self) -> bool:
        """Whether matplotlib gets the values themselves, else their positions from 0 to 1."""
        low, high = self.scale.low, self.scale.high
        largest = max(abs(low), abs(high))
        smallest = low if self.scale.log else largest
        return smallest > _SMALLEST and largest < _LARGEST and high - low > _NARROWEST * largest

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
        try:
            return self.scale._replace(low=low, high=high).ticks(self.most)
        except (OverflowError, OSError, ValueError):  # ends that no round number lies between
            return [Tick(end, short(end)) for end in (low, high)]

    def rule(self, axes: Axes, name: Literal["x", "y"]) -> None:
        """Gives the axis of this name its limits and ticks."""
        axis = axes.xaxis if name == "x" else axes.yaxis
        low, high = self.scale.low, self.scale.high
        if not self.is_plain:
            ticks = self.ticks(low, high)
            places = self.scale.positions(np.array([tick.value for tick in ticks]))
            axes.set(**{f"{name}lim": (0.0, 1.0)})
            axis.set_major_locator(FixedLocator(places.tolist()))
            axis.set_major_formatter(FixedFormatter([tick.label for tick in ticks]))
            return
        scale = "log" if self.scale.log else "linear"
        axes.set(**{f"{name}scale": scale, f"{name}lim": (low, high)})
        axis.set_major_locator(_Places(self, axis))
        axis.set_major_formatter(_Names(self, axis))
        if self.scale.log:
            axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10))))
            axis.set_minor_formatter(NullFormatter())


def roomy(scale: Scale, limits: Limits, share: float) -> Scale:
    """The scale with room at the ends that the user left open, `share` of its length each."""
    low, high = scale.low, scale.high
    if scale.log and high - low < _STRAIGHT * high:
        scale = scale._replace(log=False)  # it is as good as straight, and its logarithms are equal
    if scale.log:
        factor = 10 ** (share * (math.log10(high) - math.log10(low)))
        low, high = low / factor, high * factor
    else:
        room = (high - low) * share
        low, high = low - room, high + room
    if not (math.isfinite(low) and math.isfinite(high)) or (scale.log and low <= 0):
        return scale
    return scale._replace(
        low=low if limits.low is None else scale.low,
        high=high if limits.high is None else scale.high,
    )


class _Places(Locator):
    """Where the ticks of a ruler are, wherever a reader zooms to."""

    def __init__(self, ruler: Ruler, ruled: Axis) -> None:
        self._ruler, self._ruled = ruler, ruled

    def __call__(self) -> Sequence[float]:
        return self.tick_values(*self._ruled.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """The ticks between two ends, whichever comes first."""
        return [tick.value for tick in self._ruler.ticks(min(vmin, vmax), max(vmin, vmax))]


class _Names(Formatter):
    """What is written at the ticks of a ruler."""

    def __init__(self, ruler: Ruler, ruled: Axis) -> None:
        self._ruler, self._ruled = ruler, ruled

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002 - matplotlib's signature
        return short(x)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """What stands at each tick, told apart from its neighbours."""
        low, high = sorted(self._ruled.get_view_interval())
        names = {tick.value: tick.label for tick in self._ruler.ticks(low, high)}
        return [names.get(value, short(value)) for value in values]
