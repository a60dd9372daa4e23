"""One key of a run, as columns; and the view of it that a chart draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from trainviz_cli.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
NumberArray: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.int64]

Axis = Literal["step", "epoch", "time", "relative", "index"]
Overlap = Literal["first", "last", "all"]

_CURE = {
    "epoch": "this log counts no epochs; use -x step",
    "time": "this log has no clock; use -x step",
    "relative": "this log has no clock; use -x step",
}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a chart draws of a series: sorted along the run, repeats resolved, cut at restarts.

    Attributes:
        axis: What `x` counts: step, epoch, time (unix seconds), relative (seconds), index or a key.
        x: (N,) position of each sample.
        y: (N,) value of each sample, NaN and infinities included.
        steps: (N,) global step of each sample, whatever the axis is.
        pieces: Where each piece begins; a line never joins two pieces.
        note: One line where the view isn't what was asked for, else None.
        replaced: How many samples don't show because a restart logged their steps again, or began
            before them.
    """

    axis: str
    x: NumberArray
    y: NumberArray
    steps: NumberArray
    pieces: tuple[int, ...]
    note: str | None = None
    replaced: int = 0

    def __len__(self) -> int:
        return len(self.y)

    def slices(self) -> Iterator[slice]:
        """Each piece as a slice of `x`, `y` and `steps`."""
        yield from map(slice, self.pieces, (*self.pieces[1:], len(self.y)))


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Every sample of one key, in the order written: repeats, NaN and infinities included.

    Attributes:
        key: The name it was logged under.
        steps: (N,) global step; int64, or float64 where the log has fractional steps.
        values: (N,) float64, or int64 where float64 would round an integer.
        epochs: (N,) epoch, fractional where the log allows; None if unknown.
        wall_times: (N,) unix seconds, NaN where unknown; None if the log has no clock.
        segments: Index of the first sample after each restart, beginning with 0.
        start_time: Unix seconds of the first record of the run; None if unknown.
        begins: Step at which each segment takes over: its first, or, in a new start of the run,
            that of the whole start. None: the first of each.
    """

    key: str
    steps: NumberArray
    values: NumberArray
    epochs: FloatArray | None = None
    wall_times: FloatArray | None = None
    segments: tuple[int, ...] = (0,)
    start_time: float | None = None
    begins: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def view(self, x: str = "step", overlap: Overlap = "last") -> View:
        """The samples to draw, against `x`.

        Where a restart repeats steps, `last` lets it replace what it follows, `first` keeps what
        was there, and `all` keeps both, as separate pieces. When all samples share one step, the
        order is the axis.

        Raises:
            UsageError: `x` or `overlap` is none of the known ones.
            NotFoundError: The log doesn't know its epochs or wall times.
        """
        if overlap not in get_args(Overlap):
            raise UsageError(f"unknown overlap {overlap!r}", hint="first, last or all")
        axis, column, note = x, self._column(x), None
        if len(self) > 1 and not (self.steps != self.steps[0]).any():
            kept: IntArray = np.arange(len(self))
            pieces = self.segments
            if x in {"step", "epoch"}:
                axis, column = "index", kept
                note = f"{self.key}: all samples have step {self.steps[0]}; their order is the axis"
        else:
            kept, pieces = self._resolve(overlap)
        replaced = len(self) - len(kept) if len(self.segments) > 1 else 0
        return View(axis, column[kept], self.values[kept], self.steps[kept], pieces, note, replaced)

    def _repr_html_(self) -> str:
        """A small chart and its figures, as notebooks show it."""
        from trainviz_cli.model.notebook import series_html

        return series_html(self)

    def _resolve(self, overlap: Overlap) -> tuple[IntArray, tuple[int, ...]]:
        """Indices of the samples to draw, sorted, and where among them each piece begins."""
        steps, starts = self.steps, np.array(self.segments, np.int64)
        if overlap == "all":
            return np.arange(len(steps)), self.segments
        keep = np.ones(len(steps), bool)
        if len(starts) > 1 and overlap == "last":
            keep = _outlives(steps, starts, np.array(self.begins or steps[starts]))
        elif len(starts) > 1:
            keep = _adds(steps, starts)
        repeats = np.zeros(len(steps), bool)
        same = steps[1:] == steps[:-1]
        if overlap == "last":
            repeats[:-1] = same
        else:
            repeats[1:] = same
        # Across a restart, equal steps were judged above.
        repeats[starts[1:] - 1 if overlap == "last" else starts[1:]] = False
        kept = np.flatnonzero(keep & ~repeats)
        pieces = np.searchsorted(kept, starts)  # ascending; equal where nothing is left of one
        return kept, tuple(dict.fromkeys(pieces[pieces < len(kept)].tolist())) or (0,)

    def _column(self, x: str) -> NumberArray:
        if x == "step":
            return self.steps
        if x == "index":
            return np.arange(len(self))
        if x not in get_args(Axis):
            raise UsageError(f"unknown axis {x!r}", hint=f"one of {', '.join(get_args(Axis))}")
        column = self.epochs if x == "epoch" else self.wall_times
        if column is None:
            raise NotFoundError(f"{self.key} has no {x} axis", hint=_CURE[x])
        return column - (self.start_time or 0.0) if x == "relative" else column


def _outlives(steps: NumberArray, starts: IntArray, begins: NumberArray) -> npt.NDArray[np.bool_]:
    """Which samples no later segment goes back behind."""
    lengths = np.diff(starts, append=len(steps))
    later = np.minimum.accumulate(begins[::-1])[::-1]
    keep = np.ones(len(steps), bool)
    last = starts[-1]
    keep[:last] = steps[:last] < np.repeat(later[1:], lengths[:-1])
    return keep


def _adds(steps: NumberArray, starts: IntArray) -> npt.NDArray[np.bool_]:
    """Which samples lie beyond all that earlier segments reached."""
    lengths = np.diff(starts, append=len(steps))
    reached = np.maximum.accumulate(np.maximum.reduceat(steps, starts))
    keep = np.ones(len(steps), bool)
    keep[starts[1] :] = steps[starts[1] :] > np.repeat(reached[:-1], lengths[1:])
    return keep
