"""Fewer points that draw the same picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from trainviz_cli.model.series import IntArray, NumberArray


def extremes(values: NumberArray, buckets: int) -> IntArray:
    """Sorted indices of the first, last, smallest and largest value of each bucket.

    Buckets are equally long runs of samples. A NaN makes no bucket lose its extremes; a bucket of
    NaN alone keeps its first and last. With no more than four values a bucket, all are kept.
    """
    count = len(values)
    if count <= 4 * buckets:
        return np.arange(count)
    starts = np.linspace(0, count, buckets, endpoint=False).astype(np.int64)
    stops = np.append(starts[1:], count)
    length = int((stops - starts).max())
    # Every bucket padded to one length by repeating its last sample.
    places = np.minimum(starts[:, None] + np.arange(length), stops[:, None] - 1)
    lows = highs = values[places]
    if values.dtype.kind == "f":
        unknown = np.isnan(lows)
        lows, highs = np.where(unknown, np.inf, lows), np.where(unknown, -np.inf, highs)
    lowest, highest = lows.argmin(axis=1), highs.argmax(axis=1)
    rows = np.arange(buckets)
    return np.unique([starts, places[rows, lowest], places[rows, highest], stops - 1])
