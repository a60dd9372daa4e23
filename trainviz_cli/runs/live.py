"""A run that is being followed: what is known of it, in bounded room."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.analysis.config import flat
from trainviz_cli.analysis.pace import (
    Plan,
    planned,
    planned_steps,
    stalled_after_s,
    steps_per_s,
)
from trainviz_cli.model.batch import first_steps, places_by_key
from trainviz_cli.model.bounded import BoundedSeries
from trainviz_cli.runs.rhythm import Rhythm

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.bounded import Tally
    from trainviz_cli.model.run import Run
    from trainviz_cli.model.series import Series
    from trainviz_cli.runs.found import FoundRun

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
        self.has_config = False
        self._columns: dict[str, BoundedSeries] = {}
        self._room = room
        self._begun = dict(begun or {})
        self._start_time = start_time
        self._rhythm = Rhythm(self._columns, self._begun)
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
    def starts(self) -> int:
        """How many starts of the run there were so far."""
        return len(self._begun)

    @property
    def step(self) -> float | None:
        """The latest global step; None before the first record."""
        return None if self._rhythm.latest is None else self._rhythm.latest.step

    @property
    def epoch(self) -> float | None:
        """The latest epoch; None if the log counts none."""
        return self._rhythm.epoch

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
        self._rhythm.note(batch, keys, now_s, is_new=is_new)
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
            self._pace = steps_per_s(self._rhythm.beats) or math.nan
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
        return left <= 1 or left - counts_from_0 < self._rhythm.stride

    @property
    def _left_steps(self) -> float | None:
        end = planned_steps(self.plan, self._rhythm.epochs.steps_each)
        return None if end is None or self.step is None else max(end - self.step, 0.0)

    def silent_s(self, now_s: float) -> float:
        """Seconds since the last record."""
        return max(now_s - self._last_s, 0.0)

    def stalled_after_s(self) -> float:
        """After how long a silence it has stalled."""
        if self._patience_s == _UNKNOWN:
            times = [beat.time for beat in self._rhythm.beats]
            held_back_s = self.found.format.held_back_s
            self._patience_s = stalled_after_s(times, self._arrivals, held_back_s)
        return self._patience_s

    def has_stalled(self, now_s: float, least_s: float = 0.0) -> bool:
        """Whether it has been silent for five times its usual gap, before its end.

        Args:
            now_s: What the monotonic clock says.
            least_s: For how long it must have been silent in any case.
        """
        patience_s = max(self.stalled_after_s(), least_s)
        return bool(self.records) and not self.is_finished and self.silent_s(now_s) > patience_s

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
