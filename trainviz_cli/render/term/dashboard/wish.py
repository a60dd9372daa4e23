"""What the user wants to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trainviz_cli.analysis.panels import Drawing, Limits
from trainviz_cli.analysis.smoothing import Smoothing
from trainviz_cli.model.keys import filter_keys, keys_asked_for, main_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.analysis.scales import Scale

_AXES = ("step", "epoch", "time", "relative")
_SMOOTHINGS = (None, *(Smoothing("ema", amount) for amount in (0.6, 0.9, 0.99)))


class Wish(NamedTuple):
    """How the runs are to be shown.

    Attributes:
        queries: What `--key` asked for.
        pattern: What a key must fit to be shown; empty is every key.
        drawing: How curves are drawn.
        separate: A chart for each run, instead of all runs in one.
        alone: Nothing but the chart in focus.
        focus: Which chart the keys act on.
        paused: The charts stay as they are.
    """

    queries: tuple[str, ...] = ()
    pattern: str = ""
    drawing: Drawing = Drawing()
    separate: bool = False
    alone: bool = False
    focus: int = 0
    paused: bool = False

    def keys(self, every: Sequence[str]) -> list[str]:
        """The keys to show of all there are, the main metrics first.

        Raises:
            UsageError: The pattern, or a query, is no valid one.
        """
        chosen = (
            keys_asked_for(self.queries, every) if self.queries else [*main_keys(every), *every]
        )
        return filter_keys(self.pattern, list(dict.fromkeys(chosen)))

    def main(self, every: Sequence[str]) -> int:
        """How many of the keys to show belong on one screen."""
        if self.queries or self.pattern:
            return len(self.keys(every))
        return len(main_keys(every)) or len(every)

    def chips(self) -> list[str]:
        """What is not as it is at first, in a word each."""
        drawing = self.drawing
        return [
            *(["PAUSED"] if self.paused else []),
            *([f"keys with {self.pattern}"] if self.pattern else []),
            *([f"against {drawing.x}"] if drawing.x != "step" else []),
            *(["zoomed"] if drawing.xlim != Limits() else []),
            *([drawing.smooth.label] if drawing.smooth else []),
            *(["log y"] if drawing.log_y else []),
            *(["robust"] if drawing.robust else []),
            *(["runs apart"] if self.separate else []),
        ]

    @property
    def is_narrowed(self) -> bool:
        """Whether something isn't in sight: charts, keys, or parts of the axis."""
        return self.alone or bool(self.pattern) or self.drawing.xlim != Limits()

    def next_axis(self) -> Wish:
        """Against the next x axis, all of it."""
        axis = self.drawing.x
        following = _AXES[(_AXES.index(axis) + 1) % len(_AXES)] if axis in _AXES else _AXES[0]
        return self.drawn(x=following, xlim=Limits())

    def next_smoothing(self) -> Wish:
        """Smoothed more, or, after the most, not at all."""
        now = self.drawing.smooth
        place = _SMOOTHINGS.index(now) if now in _SMOOTHINGS else -1
        return self.drawn(smooth=_SMOOTHINGS[(place + 1) % len(_SMOOTHINGS)])

    def drawn(self, **changes: Any) -> Wish:  # noqa: ANN401 - as the fields of `Drawing`
        """With other settings of the drawing."""
        return self._replace(drawing=self.drawing._replace(**changes))

    def zoomed(self, x: Scale, data: Scale, factor: float, at: float = 0.5) -> Wish:
        """With an x axis so many times as long.

        Args:
            x: The axis as it is.
            data: The axis that shows all there is.
            factor: Below 1 is nearer.
            at: What stays where it is, from 0 at the left to 1 at the right.
        """
        low, high = _stretched(x, at - at * factor, at + (1 - at) * factor)
        return self._within(low, high, data)

    def moved(self, x: Scale, data: Scale, share: float) -> Wish:
        """With an x axis that begins further along, by a share of its length."""
        low, high = _stretched(x, share, 1 + share)
        if low < data.low or high > data.high:  # not beyond the data
            share = max(min(share, _place(x, data.high) - 1), _place(x, data.low))
            low, high = _stretched(x, share, 1 + share)
        return self._within(low, high, data)

    def _within(self, low: float, high: float, data: Scale) -> Wish:
        """From `low` to `high`; an end that lies at that of the data goes along with it."""
        if low >= high:
            return self
        length = high - low
        ends = Limits(
            None if low <= data.low + length * 1e-6 else low,
            None if high >= data.high - length * 1e-6 else high,
        )
        return self.drawn(xlim=ends)


def _stretched(x: Scale, first: float, last: float) -> tuple[float, float]:
    """The values at two places on an axis, which may lie beyond its ends."""
    return x.value_at(first), x.value_at(last)


def _place(x: Scale, value: float) -> float:
    """Where on an axis a value lies."""
    import numpy as np

    return float(x.positions(np.array([value]))[0])
