"""How a run that is being written gets on: at which times it reached which steps."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.analysis.pace import Beat, Epochs

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.bounded import BoundedSeries
    from trainviz_cli.model.series import FloatArray, IntArray

_MOST_BEATS = 256


class Rhythm:
    """The latest moments at which training got on.

    Attributes:
        beats: Of the training that goes on, oldest first.
        latest: The latest of all; None before the first record.
        stride: Steps between the latest two records.
        epochs: How long an epoch is.
        epoch: The latest one; None if the log counts none.
    """

    def __init__(self, columns: Mapping[str, BoundedSeries], begun: Mapping[int, float]) -> None:
        """Begins with nothing.

        Args:
            columns: Key → its samples so far; grows with the run.
            begun: Start of the run → its first step; grows with the run.
        """
        self.beats: deque[Beat] = deque(maxlen=_MOST_BEATS)
        self.latest: Beat | None = None
        self.stride = 1.0
        self.epochs = Epochs()
        self.epoch: float | None = None
        self._columns = columns
        self._begun = begun
        self._has_clock = False  # of its own

    def note(self, batch: Batch, keys: dict[str, IntArray], now_s: float, *, is_new: bool) -> None:
        """Notes a batch, before it is added to the columns.

        Args:
            batch: One row at least.
            keys: Key → where its values are among those of the batch.
            now_s: What the monotonic clock says.
            is_new: It has only just come.
        """
        steps = np.asarray(batch.steps, np.float64)
        epochs = np.full(len(batch), np.nan) if batch.epochs is None else batch.epochs
        again, resumed = self._breaks(batch, steps, keys)
        if resumed is not None:
            self.beats.clear()
        if again is not None:
            self.latest, self.epochs = None, Epochs()
        reached = np.append(-np.inf if self.latest is None else self.latest.step, steps)
        reached[1 : (again or 0) + 1] = -np.inf
        reached = np.maximum.accumulate(reached)
        rows = np.flatnonzero(reached[1:] > reached[:-1])
        self.epochs.note(steps[rows], epochs[rows])
        times = self._times(batch, now_s, is_new=is_new)
        for row in rows[-_MOST_BEATS:].tolist():
            beat = Beat(float(times[row]), float(steps[row]))
            if self.latest is not None:
                self.stride = beat.step - self.latest.step
            self.latest = beat
            if math.isfinite(beat.time) and row >= (resumed or 0):
                self.beats.append(beat)
        known = epochs[np.isfinite(epochs)]
        self.epoch = float(known[-1]) if len(known) else self.epoch

    def _times(self, batch: Batch, now_s: float, *, is_new: bool) -> FloatArray:
        """(N,) when each row was written; if the log doesn't say, when the last one was seen."""
        if batch.wall_times is not None:
            if not self._has_clock:
                self._has_clock = True
                self.beats.clear()  # which are by another clock
            return batch.wall_times
        times = np.full(len(batch), np.nan)
        if is_new and not self._has_clock:
            times[-1] = now_s
        return times

    def _breaks(
        self, batch: Batch, steps: FloatArray, keys: dict[str, IntArray]
    ) -> tuple[int | None, int | None]:
        """The last row at which training began again, and the last at which it was resumed.

        It was resumed where a key goes on in a new start of the run. It began again, which counts
        as resumed too, where a key goes back, to before what was reached: keys that lag behind
        others don't.
        """
        starts = np.zeros(len(batch), np.int64) if batch.starts is None else batch.starts
        new_starts = set(np.unique(starts).tolist()) - self._begun.keys()
        reached, since = -np.inf if self.latest is None else self.latest.step, 0
        again = resumed = None
        if not new_starts and steps.min() >= reached and (steps[1:] >= steps[:-1]).all():
            return again, resumed
        for row in self._turns(steps, starts, batch.rows, keys):
            reached, since = max(reached, steps[since:row].max(initial=-np.inf)), row
            if steps[row] < reached:
                again = resumed = row
                reached = -np.inf
            elif starts[row] in new_starts:
                resumed = row
            new_starts.discard(starts[row].item())
        return again, resumed

    def _turns(
        self,
        steps: FloatArray,
        starts: IntArray,
        rows: npt.NDArray[np.int32],
        keys: dict[str, IntArray],
    ) -> list[int]:
        """The rows at which a key goes back, or goes on in another start."""
        found: set[int] = set()
        for key, places in keys.items():
            here = rows[places]
            column = self._columns.get(key)
            step, start = (-np.inf, starts[here[0]]) if column is None else column.end
            own_steps, own_starts = np.append(step, steps[here]), np.append(start, starts[here])
            turns = (own_steps[1:] < own_steps[:-1]) | (own_starts[1:] != own_starts[:-1])
            found.update(here[turns].tolist())
        return sorted(found)
