"""Smoothing, each kind by its textbook definition, with NaN left as gaps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trainviz_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainviz_cli.model.series import FloatArray, NumberArray

_CURE = "ema:0.9, median:20, mean:20 or gauss:5"
_BLOCK = 256
_SUMMABLE = 1e290
_LONGEST_EXACT_MEAN = 1000
# A median and a Gaussian cost samples × amount.
_MOST = {"ema": 1.0, "mean": 1e9, "median": 1000.0, "gauss": 1000.0}
_GAUSS_REACH = 4.0  # standard deviations; what lies beyond weighs less than 1 in 15,000


class Smoothing(NamedTuple):
    """One way to smooth a curve.

    Attributes:
        kind: `ema`, an exponential moving average that starts unbiased; `mean` or `median` of the
            last samples; `gauss`, a centred Gaussian mean.
        amount: For `ema` the weight of the past, 0 < amount < 1; for `mean` and `median` how many
            samples; for `gauss` the standard deviation in samples.
    """

    kind: str
    amount: float

    @classmethod
    def parse(cls, text: str) -> Smoothing:
        """`kind:amount` as on the command line.

        Raises:
            UsageError: There is no such kind, or the amount is out of its range.
        """
        kind, _, number = text.partition(":")
        if kind not in _KINDS:
            raise UsageError(f"unknown smoothing {text!r}", hint=_CURE)
        try:
            amount = float(number)
        except ValueError:
            raise UsageError(f"smoothing {text!r} needs a number", hint=_CURE) from None
        if (
            not 0 < amount <= _MOST[kind]
            or (kind == "ema" and amount == 1)
            or (kind in {"mean", "median"} and amount != int(amount))
        ):
            raise UsageError(f"smoothing {text!r} is out of range", hint=_CURE)
        return cls(kind, amount)

    @property
    def label(self) -> str:
        """What a legend says, exactly."""
        if self.kind == "ema":
            return f"EMA {self.amount:g}"
        if self.kind == "gauss":
            return f"Gaussian, σ {self.amount:g} samples"
        return f"{self.kind} of the last {self.amount:g}"

    def apply(self, values: NumberArray, pieces: tuple[int, ...] = (0,)) -> FloatArray:
        """(N,) the smoothed values: each piece by itself, with NaN where a value isn't finite."""
        smooth = np.full(len(values), np.nan)
        for start, stop in zip(pieces, (*pieces[1:], len(values)), strict=True):
            part = np.asarray(values[start:stop], np.float64)
            known = np.isfinite(part)
            if known.any():
                smooth[start:stop][known] = self._of_finite(part[known])
        return smooth

    def _of_finite(self, values: FloatArray) -> FloatArray:
        size = float(np.abs(values).max())
        if size <= _SUMMABLE:
            return _KINDS[self.kind](values, self.amount)
        # Sums of these would overflow.
        smoothed: FloatArray = _KINDS[self.kind](values / size, self.amount) * size
        return smoothed


def _ema(values: FloatArray, weight: float) -> FloatArray:
    """Σ w^(i-j) v_j / Σ w^(i-j), block by block: within a block it is one matrix product."""
    size = min(_BLOCK, len(values))
    powers = weight ** np.arange(size + 1, dtype=np.float64)
    lags = np.subtract.outer(np.arange(size), np.arange(size))
    matrix = np.where(lags >= 0, powers[np.abs(lags)], 0.0)
    sums = np.empty(len(values))
    carried = 0.0
    for start in range(0, len(values), size):
        part = values[start : start + size]
        n = len(part)
        sums[start : start + n] = matrix[:n, :n] @ part + carried * powers[1 : n + 1]
        carried = sums[start + n - 1]
    counts = np.arange(1, len(values) + 1)
    # (1 - w^n) / (1 - w), without cancellation where w is close to 1
    weights = np.expm1(counts * math.log(weight)) / (weight - 1)
    smoothed: FloatArray = sums / weights
    return smoothed


def _mean(values: FloatArray, amount: float) -> FloatArray:
    window = min(int(amount), len(values))
    if window <= _LONGEST_EXACT_MEAN:
        return _rolling(values, window, np.mean)
    # A running sum is fast whatever the window, but a huge value takes digits of all behind it.
    offset = float(values[0])
    sums = np.cumsum(np.concatenate(([0.0], values - offset)))
    stops = np.arange(1, len(values) + 1)
    starts = np.maximum(stops - window, 0)
    means: FloatArray = (sums[stops] - sums[starts]) / (stops - starts) + offset
    return means


def _median(values: FloatArray, amount: float) -> FloatArray:
    return _rolling(values, int(amount), np.median)


def _rolling(values: FloatArray, window: int, reduce: Callable[..., Any]) -> FloatArray:
    """Each value's window reduced: the value itself and those before it, fewer at the start."""
    window = min(window, len(values))
    reduced = np.empty(len(values))
    for stop in range(1, window):
        reduced[stop - 1] = reduce(values[:stop])
    for start, block in _windows(values, window):
        first = start + window - 1
        reduced[first : first + len(block)] = reduce(block, axis=1)
    return reduced


def _windows(values: FloatArray, window: int) -> Iterator[tuple[int, FloatArray]]:
    """All windows, in blocks that stay small in memory."""
    every = np.lib.stride_tricks.sliding_window_view(values, window)
    rows = max(1, (1 << 20) // window)
    for start in range(0, len(every), rows):
        yield start, every[start : start + rows]


def _gauss(values: FloatArray, sigma: float) -> FloatArray:
    reach = min(math.ceil(_GAUSS_REACH * sigma), len(values) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-9)) ** 2)
    weights = np.convolve(np.ones(len(values)), kernel)[reach : reach + len(values)]
    sums = np.convolve(values, kernel)[reach : reach + len(values)]
    smoothed: FloatArray = sums / weights
    return smoothed


_KINDS = {"ema": _ema, "mean": _mean, "median": _median, "gauss": _gauss}
