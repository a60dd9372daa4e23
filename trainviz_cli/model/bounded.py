"""One key of a run that may never end, in bounded room, with every extreme kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from trainviz_cli.model.batch import to_series
from trainviz_cli.model.summary import summarize

if TYPE_CHECKING:
    from trainviz_cli.model.series import FloatArray, IntArray, NumberArray, Series

Samples = npt.NDArray[np.void]

_SAMPLE = np.dtype(
    [
        ("number", np.int64),  # among all samples of the key
        ("step", np.int64),
        ("value", np.float64),
        ("epoch", np.float64),
        ("time", np.float64),
        ("start", np.int64),
    ]
)
_FRACTIONAL = np.dtype(
    [(name, np.float64 if name == "step" else _SAMPLE[name]) for name in _SAMPLE.names or ()]
)
_FEWEST = 64


class Tally(NamedTuple):
    """What is known of a key without looking through its samples.

    Attributes:
        last: The latest value, NaN and infinities included.
        last_step: Its step.
        least: The least finite value; None where there is none.
        least_step: The first step with it.
        most: The greatest finite value.
        most_step: The first step with it.
        bad_step: The first step whose value is NaN or infinite; None where there is none.
    """

    last: float = np.nan
    last_step: float = 0
    least: float | None = None
    least_step: float | None = None
    most: float | None = None
    most_step: float | None = None
    bad_step: float | None = None


class BoundedSeries:
    """One key's samples: all of them at first, then of each bucket those that a chart shows.

    A bucket is a run of successive samples that a restart doesn't interrupt. Of each, the first,
    the last, the least, the greatest and the first of each kind that isn't finite stay. Where
    there is no room for all buckets, they grow to twice the samples, all alike; and where a run
    does nothing but restart, they are no longer cut there.

    Attributes:
        key: What it was logged under.
        most: How many samples may be kept; at least 64.
        count: How many were added.
        per_bucket: How many samples a bucket has; 1 while every sample is kept.
    """

    def __init__(self, key: str, most: int) -> None:
        self.key = key
        self.most = most
        self.count = 0
        self.per_bucket = 1
        self._samples: Samples = np.empty(_FEWEST, _SAMPLE)
        self._kept = 0
        self._tally: Tally | None = Tally()
        self._series: Series | None = None

    def __len__(self) -> int:
        """How many samples are kept."""
        return self._kept

    @property
    def end(self) -> tuple[float, int]:
        """Step and start of the last sample; there must be one."""
        last = self._samples[self._kept - 1]
        return last["step"].item(), last["start"].item()

    def add(
        self,
        steps: NumberArray,
        values: FloatArray,
        epochs: FloatArray | None = None,
        wall_times: FloatArray | None = None,
        starts: IntArray | None = None,
    ) -> None:
        """Adds samples that were written after all others; each column is (N,)."""
        if not len(values):
            return
        before = self._samples[[0, self._kept - 1]] if self._kept else None
        self._make_room(len(values), fractional=steps.dtype.kind == "f")
        new = self._samples[self._kept : self._kept + len(values)]
        new["number"] = np.arange(self.count, self.count + len(values))
        new["step"], new["value"] = steps, values
        new["epoch"] = np.nan if epochs is None else epochs
        new["time"] = np.nan if wall_times is None else wall_times
        new["start"] = 0 if starts is None else starts
        self._kept += len(values)
        self.count += len(values)
        self._series = None
        self._count_in(new, before)
        if self._kept > self.most:
            self._thin()

    def _make_room(self, count: int, *, fractional: bool) -> None:
        dtype = _FRACTIONAL if fractional else self._samples.dtype
        size = len(self._samples)
        while size < self._kept + count:
            size *= 2
        if size > len(self._samples) or dtype != self._samples.dtype:
            larger = np.empty(size, dtype)
            larger[: self._kept] = self._samples[: self._kept]
            self._samples = larger

    def _count_in(self, new: Samples, before: Samples | None) -> None:
        """Brings the tally up to date; a restart or a repeat leaves it to be made from the series.

        Args:
            new: Samples that were added.
            before: The first and the last one until then; None where there was none.
        """
        steps = new["step"]
        goes_on = bool((steps[1:] > steps[:-1]).all() and (new["start"] == new["start"][0]).all())
        if before is not None:
            first, last = before
            goes_on &= bool(steps[0] > last["step"] and new["start"][0] == last["start"])
            # Repeats of one step all count, but only until there is a second step.
            goes_on &= first["number"] == last["number"] or first["step"] != last["step"]
        self._tally = _counted(self._tally, new) if self._tally is not None and goes_on else None

    def _thin(self) -> None:
        """Lets buckets grow until half of the room is free."""
        samples = self._samples[: self._kept]
        width = max(self.per_bucket, 8)
        restarts = _restarts(samples)
        if np.count_nonzero(restarts) >= self.most // 16:  # it does nothing but restart
            restarts[:] = False  # a bucket between each two of them might not fit
        while len(kept := samples[_telling(samples, width, restarts)]) > self.most // 2:
            width *= 2
        self.per_bucket = width
        self._kept = len(kept)
        self._samples = np.empty(max(2 * self._kept, _FEWEST), samples.dtype)
        self._samples[: self._kept] = kept

    def series(self, begun: dict[int, float], start_time: float | None) -> Series:
        """What is kept, as a series.

        Args:
            begun: Start of the run → its first step; empty where there is one alone.
            start_time: Of the run, in unix seconds; None if unknown.
        """
        if self._series is None or self._series.start_time != start_time:
            kept = self._samples[: self._kept]
            self._series = to_series(
                self.key,
                steps=np.ascontiguousarray(kept["step"]),
                values=np.ascontiguousarray(kept["value"]),
                epochs=_known(kept["epoch"]),
                wall_times=_known(kept["time"]),
                starts=kept["start"],
                begun=begun,
                start_time=start_time,
            )
        return self._series

    def tally(self, begun: dict[int, float], start_time: float | None) -> Tally:
        """The key in figures, without what a restart replaced; arguments as in `series`."""
        if self._tally is None:
            self._tally = _tally_of(self.series(begun, start_time))
        return self._tally


def _known(column: FloatArray) -> FloatArray | None:
    return None if np.isnan(column).all() else np.ascontiguousarray(column)


def _counted(tally: Tally, new: Samples) -> Tally:
    """The tally with samples that go on after all others."""
    steps, values = new["step"], new["value"]
    tally = tally._replace(last=values[-1].item(), last_step=steps[-1].item())
    finite = np.isfinite(values)
    if not finite.all() and tally.bad_step is None:
        tally = tally._replace(bad_step=steps[~finite][0].item())
    if not finite.any():
        return tally
    steps, values = steps[finite], values[finite]
    low, high = int(values.argmin()), int(values.argmax())
    if tally.least is None or values[low] < tally.least:
        tally = tally._replace(least=values[low].item(), least_step=steps[low].item())
    if tally.most is None or values[high] > tally.most:
        tally = tally._replace(most=values[high].item(), most_step=steps[high].item())
    return tally


def _tally_of(series: Series) -> Tally:
    least, most = summarize(series, "min"), summarize(series, "max")
    return Tally(
        last=least.last,
        last_step=least.last_step,
        least=least.best,
        least_step=least.best_step,
        most=most.best,
        most_step=most.best_step,
        bad_step=next(iter(least.nonfinite), None),
    )


def _restarts(samples: Samples) -> npt.NDArray[np.bool_]:
    """(N - 1,) between which samples the run restarted."""
    steps, starts = samples["step"], samples["start"]
    cuts: npt.NDArray[np.bool_] = (steps[1:] < steps[:-1]) | (starts[1:] != starts[:-1])
    return cuts


def _telling(samples: Samples, width: int, restarts: npt.NDArray[np.bool_]) -> IntArray:
    """Sorted places of the samples that stay, with buckets of so many samples."""
    bucket = samples["number"] // width
    begins = (bucket[1:] != bucket[:-1]) | restarts
    firsts = np.append(0, np.flatnonzero(begins) + 1)
    lasts = np.append(firsts[1:], len(samples)) - 1
    which = np.repeat(np.arange(len(firsts)), lasts - firsts + 1)
    values = samples["value"]
    finite = np.isfinite(values)
    lows = np.minimum.reduceat(np.where(finite, values, np.inf), firsts)
    highs = np.maximum.reduceat(np.where(finite, values, -np.inf), firsts)
    kept = [
        firsts,
        lasts,
        _first_in_each(finite & (values == lows[which]), which),
        _first_in_each(finite & (values == highs[which]), which),
    ]
    if not finite.all():
        odd = (np.isnan(values), np.isposinf(values), np.isneginf(values))
        kept += [_first_in_each(here, which) for here in odd]
    return np.unique(np.concatenate(kept))


def _first_in_each(here: npt.NDArray[np.bool_], which: IntArray) -> IntArray:
    """The first place of each bucket where `here` holds."""
    places = np.flatnonzero(here)
    buckets = which[places]
    return places[np.append(True, buckets[1:] != buckets[:-1])] if len(places) else places
