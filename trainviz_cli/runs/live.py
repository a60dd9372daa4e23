"""A run that is being followed: what is known of it, in bounded room."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.analysis.config import flat
from trainviz_cli.analysis.pace import (
    Beat,
    Epochs,
    Plan,
    planned,
    planned_steps,
    stalled_after_s,
    steps_per_s,
)
from trainviz_cli.model.batch import first_steps, places_by_key
from trainviz_cli.model.bounded import BoundedSeries

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy.typing as npt

    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.bounded import Tally
    from trainviz_cli.model.run import Run
    from trainviz_cli.model.series import FloatArray, IntArray, Series
    from trainviz_cli.runs.found import FoundRun

_MOST_BEATS = 256
_MOST_ARRIVALS = 64
_GIVEN_UP = 10  # times as long as it takes to have stalled
_GIVEN_UP_S = 60.0
_UNKNOWN = -1.0  # to be found when asked for


class LiveRun:
    """What is known of a run so far; batches are added as they come.

    Attributes:
        found: Where it is, and what it is called.
        records: How many rows were added.
        closeup: The stretch of it that is in sight, with samples that are left out here.
        problem: Why it can't be read at present; None as a rule.
        epoch: The latest epoch; None if the log counts none.
        has_config: Whether its configuration is known.
    """

    def __init__(
        self,
        found: FoundRun,
        room: int,
        now_s: float,
        *,
        begun: Mapping[int, float] | None = None,
        start_time: float | None = None,
    ) -> None:
        """Begins with nothing.

        Args:
            found: The run.
            room: How many samples of a key may be kept.
            now_s: What the monotonic clock says.
            begun: Start of the run → its first step, as far as known already.
            start_time: When the run began, in unix seconds, if known already.
        """
        self.found = found
        self.records = 0
        self.problem: str | None = None
        self.closeup: LiveRun | None = None
        self.epoch: float | None = None
        self.has_config = False
        self._columns: dict[str, BoundedSeries] = {}
        self._room = room
        self._begun = dict(begun or {})
        self._start_time = start_time
        self._beats: deque[Beat] = deque(maxlen=_MOST_BEATS)
        self._latest: Beat | None = None
        self._stride = 1.0  # steps between the latest two records
        self._epochs = Epochs()
        self._has_clock = False  # of its own
        self._pace = self._patience_s = _UNKNOWN
        self._arrivals: deque[float] = deque(maxlen=_MOST_ARRIVALS)
        self._last_s = now_s
        self._alarms: list[tuple[str, float]] | None = None
        self._lengths: dict[str, object] = {}  # of the configuration, what tells how long it is
        self._length_keys: list[str] = []
        self._plan: Plan | None = None

    def part(self, room: int, now_s: float) -> LiveRun:
        """An empty run for a stretch of this one; which began when and where this one did.

        Args:
            room: How many samples of a key may be kept.
            now_s: What the monotonic clock says.
        """
        return LiveRun(self.found, room, now_s, begun=self._begun, start_time=self._start_time)

    @property
    def name(self) -> str:
        """Shortest part of the path that tells it apart from the others."""
        return self.found.name

    @property
    def keys(self) -> Collection[str]:
        """The keys logged so far, in the order in which they came."""
        return self._columns.keys()

    @property
    def step(self) -> float | None:
        """The latest global step; None before the first record."""
        return None if self._latest is None else self._latest.step

    @property
    def is_thinned(self) -> bool:
        """Whether some key has more samples than are kept."""
        return any(column.per_bucket > 1 for column in self._columns.values())

    def add(self, batches: Sequence[Batch], now_s: float, age_s: float | None) -> None:
        """Adds what a poll brought.

        Args:
            batches: In the order written.
            now_s: What the monotonic clock says.
            age_s: How long ago it was written, where it was there before anybody looked; None
                where it has only just come.
        """
        for batch in batches:
            if len(batch):
                self._add(batch, now_s, is_new=age_s is None)
        if age_s is None:
            self._arrivals.append(now_s)
        self._last_s = now_s - (age_s or 0.0)
        self._alarms = None
        self._pace = self._patience_s = _UNKNOWN
        if self._length_keys:
            self._plan = None

    def _add(self, batch: Batch, now_s: float, *, is_new: bool) -> None:
        keys = places_by_key(batch)
        self._beat(batch, keys, now_s, is_new=is_new)
        self.records += len(batch)
        for start, step in first_steps(batch).items():
            self._begun.setdefault(start, step)
        if batch.wall_times is not None:
            known = batch.wall_times[np.isfinite(batch.wall_times)]
            first = float(
                known.min(initial=np.inf if self._start_time is None else self._start_time)
            )
            self._start_time = first if math.isfinite(first) else None
        for key, places in keys.items():
            column = self._columns.get(key)
            if column is None:
                column = self._columns[key] = BoundedSeries(key, self._room)
                if planned({key: 1.0}) != Plan():
                    self._length_keys.append(key)
            rows = batch.rows[places]
            column.add(
                batch.steps[rows],
                batch.values[places],
                None if batch.epochs is None else batch.epochs[rows],
                None if batch.wall_times is None else batch.wall_times[rows],
                None if batch.starts is None else batch.starts[rows],
            )

    def _beat(self, batch: Batch, keys: dict[str, IntArray], now_s: float, *, is_new: bool) -> None:
        """Notes how training got on: at which times it reached which steps."""
        steps = np.asarray(batch.steps, np.float64)
        epochs = np.full(len(batch), np.nan) if batch.epochs is None else batch.epochs
        again, resumed = self._breaks(batch, steps, keys)
        if resumed is not None:
            self._beats.clear()
        if again is not None:
            self._latest, self._epochs = None, Epochs()
        reached = np.append(-np.inf if self.step is None else self.step, steps)
        reached[1 : (again or 0) + 1] = -np.inf
        reached = np.maximum.accumulate(reached)
        rows = np.flatnonzero(reached[1:] > reached[:-1])
        self._epochs.note(steps[rows], epochs[rows])
        times = self._times(batch, now_s, is_new=is_new)
        for row in rows[-_MOST_BEATS:].tolist():
            beat = Beat(float(times[row]), float(steps[row]))
            if self._latest is not None:
                self._stride = beat.step - self._latest.step
            self._latest = beat
            if math.isfinite(beat.time) and row >= (resumed or 0):
                self._beats.append(beat)
        known = epochs[np.isfinite(epochs)]
        self.epoch = float(known[-1]) if len(known) else self.epoch

    def _times(self, batch: Batch, now_s: float, *, is_new: bool) -> FloatArray:
        """(N,) when each row was written; if the log doesn't say, when the last one was seen."""
        if batch.wall_times is not None:
            if not self._has_clock:
                self._has_clock = True
                self._beats.clear()  # which are by another clock
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
        reached, since = -np.inf if self.step is None else self.step, 0
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

    def give_room(self, room: int) -> None:
        """Changes how many samples of a key may be kept, from the next one on."""
        self._room = room
        for column in self._columns.values():
            column.most = room

    def tally(self, key: str) -> Tally:
        """A key in figures.

        Raises:
            KeyError: It wasn't logged.
        """
        return self._columns[key].tally(self._restarts, self._start_time)

    @property
    def _restarts(self) -> dict[int, float]:
        """Start → its first step; empty where there was one alone."""
        return self._begun if len(self._begun) > 1 else {}

    def as_run(self) -> Run:
        """The run with what is kept of its samples, which goes along with this one."""
        return self.found.as_run(_Kept(self))

    def series(self, key: str) -> Series:
        """What is kept of a key's samples.

        Raises:
            KeyError: It wasn't logged.
        """
        return self._columns[key].series(self._restarts, self._start_time)

    def version(self, key: str) -> object:
        """Equal to what it was as long as nothing that a chart of the key shows is another."""
        return self._columns[key].count, len(self._begun)

    def alarms(self) -> list[tuple[str, float]]:
        """The keys that turned NaN or infinite, and the first step at which each did."""
        if self._alarms is None:
            steps = [(key, self.tally(key).bad_step) for key in self._columns]
            self._alarms = [(key, step) for key, step in steps if step is not None]
        return self._alarms

    def learn(self, config: dict[str, object]) -> None:
        """Takes note of the run's configuration, for how long it is to be."""
        values = flat(config)
        self._lengths = {
            name: value for name, value in values.items() if planned({name: value}) != Plan()
        }
        self.has_config, self._plan = bool(values), None

    @property
    def plan(self) -> Plan:
        """How long it is to be, as far as configuration or logged values tell."""
        if self._plan is None:
            logged = {key: self.tally(key) for key in self._length_keys}
            steady = {key: each.last for key, each in logged.items() if each.least == each.most}
            self._plan = planned({**steady, **self._lengths})
        return self._plan

    @property
    def steps_per_s(self) -> float | None:
        """Its pace of late; None while it can't be known."""
        if self._pace == _UNKNOWN:
            self._pace = steps_per_s(self._beats) or math.nan
        return None if math.isnan(self._pace) else self._pace

    @property
    def left_s(self) -> float | None:
        """Seconds until its end; 0 when it is there, None while that can't be known."""
        left, pace = self._left_steps, self.steps_per_s
        if not left:
            return left
        return left / pace if pace else None

    @property
    def is_finished(self) -> bool:
        """Whether it got as far as it was to go: no other record fits in before the end."""
        left = self._left_steps
        if left is None:
            return False
        counts_from_0 = min(self._begun.values(), default=1.0) == 0
        return left <= 1 or left - counts_from_0 < self._stride

    @property
    def _left_steps(self) -> float | None:
        end = planned_steps(self.plan, self._epochs.steps_each)
        return None if end is None or self.step is None else max(end - self.step, 0.0)

    def silent_s(self, now_s: float) -> float:
        """Seconds since the last record."""
        return max(now_s - self._last_s, 0.0)

    def stalled_after_s(self) -> float:
        """After how long a silence it has stalled."""
        if self._patience_s == _UNKNOWN:
            times = [beat.time for beat in self._beats]
            held_back_s = self.found.format.held_back_s
            self._patience_s = stalled_after_s(times, self._arrivals, held_back_s)
        return self._patience_s

    def has_stalled(self, now_s: float) -> bool:
        """Whether it has been silent for five times its usual gap, before its end."""
        silent_s = self.silent_s(now_s)
        return bool(self.records) and not self.is_finished and silent_s > self.stalled_after_s()

    def is_over(self, now_s: float) -> bool:
        """Whether nothing is to be expected any more: it has ended, or stalled for good."""
        stalled_after_s = self.stalled_after_s()
        patience_s = max(_GIVEN_UP * stalled_after_s, _GIVEN_UP_S)
        silent_s = self.silent_s(now_s)
        return silent_s > (stalled_after_s if self.is_finished else patience_s)


class _Kept(Mapping[str, "Series"]):
    """Key → what is kept of its samples, made when asked for: of most keys, nobody asks."""

    def __init__(self, live: LiveRun) -> None:
        self._live = live

    def __getitem__(self, key: str) -> Series:
        return self._live.series(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._live.keys)

    def __len__(self) -> int:
        return len(self._live.keys)
