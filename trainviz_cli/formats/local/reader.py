"""A run's `scalars.json` and `scalars.times` as batches of rows."""

from __future__ import annotations

import re
from copy import copy, deepcopy
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.codecs.ends import last_records
from trainviz_cli.codecs.jsonl import JsonLines
from trainviz_cli.errors import TrainvizError
from trainviz_cli.formats._epochs import EpochClock
from trainviz_cli.model.batch import Batch
from trainviz_cli.model.diagnostic import Diagnostic, merge

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from trainviz_cli.codecs.jsonl import Table
    from trainviz_cli.model.series import FloatArray, NumberArray

_KINDS: dict[type, str] = {str: "text", list: "a list", dict: "a mapping"}


class LocalReader:
    """Follows one `scalars.json` and its `scalars.times`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._records = JsonLines(log, axis="step")
        # The stamps of a log that has another name would be taken for those of the new one.
        self._times = log.with_suffix(".times")
        self._stamps = JsonLines(self._times, axis="offset", follows_renamed=False)
        self._begin()

    def _begin(self) -> None:
        self._restarts = self._records.restarts
        self._clock = EpochClock()
        self._rows_read = 0
        self._counts_rows = False
        self._known_stamps = np.empty((0, 2))

    def __deepcopy__(self, memo: dict[int, object]) -> LocalReader:
        twin = copy(self)
        vars(twin).update(deepcopy({"_records": self._records, "_stamps": self._stamps}, memo))
        vars(twin)["_clock"] = copy(self._clock)
        return twin

    @property
    def is_behind(self) -> bool:
        """Whether the last poll left something unread that is already there."""
        return self._records.is_behind

    @property
    def restarts(self) -> int:
        """How often the log shrank or was replaced."""
        return self._records.restarts

    def poll(self, most: int | None = None) -> Batch:
        """The rows that came since the last poll.

        Args:
            most: About how many bytes of each file to read now, one block at least; None: all.

        Raises:
            UnreadableError: The log is a git-LFS pointer, or can't be opened.
        """
        table = self._records.poll(most)
        replaced = self._restarts != self._records.restarts
        if replaced:
            self._begin()
        if not len(table.ends) and not table.diagnostics:
            return Batch.empty(table.keys)
        steps, problems = self._steps(table)
        placed, epochs = self._clock.place(steps, _column(table, "epoch"))
        batch = Batch(
            keys=table.keys,
            codes=table.codes,
            rows=table.rows,
            values=table.values,
            steps=_whole_steps(placed, table),
            epochs=epochs,
            wall_times=self._wall_times(table.ends, most),
            exact=table.exact,
            diagnostics=merge((*table.diagnostics, *problems)),
            starts=np.full(len(placed), self._restarts) if self._restarts else None,
        )
        usable = ~np.isnan(placed)
        return batch if usable.all() else batch.only(usable)

    def _steps(self, table: Table) -> tuple[FloatArray, list[Diagnostic]]:
        """Each record's step as logged, NaN where none can be read; and what was wrong."""
        steps = table.axis
        problems = []
        for row, key, value in table.others:
            if key != "step":
                kind = _KINDS.get(type(value), "something else")
                problems.append(self._note(table, row, f"{key[:80]!r} holds {kind}, no number"))
            elif isinstance(value, str) and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value):
                steps[row] = float(value)
        first = self._rows_read
        self._rows_read += len(steps)
        missing = np.flatnonzero(~np.isfinite(steps))
        if len(steps) and len(missing) == len(steps) and (first == 0 or self._counts_rows):
            if not self._counts_rows:
                remark = "no record says its step, so their order is the axis"
                problems.append(Diagnostic(str(self._log), None, remark))
            self._counts_rows = True
            return np.arange(first, self._rows_read, dtype=np.float64), problems
        steps[missing] = np.nan
        problems += [self._note(table, row, "record without a step") for row in missing.tolist()]
        return steps, problems

    def _note(self, table: Table, row: int, message: str) -> Diagnostic:
        begin = table.begins.get(row)
        begin = int(table.ends[row - 1]) if begin is None else begin
        return Diagnostic(str(self._log), begin, message, skipped=1)

    def _wall_times(self, ends: npt.NDArray[np.int64], most: int | None) -> FloatArray | None:
        """When each record was written, interpolated between the times noted beside the log."""
        if self._records.has_moved:  # the times beside it are the new log's, perhaps
            return None
        try:
            self._read_stamps(float(ends[-1]) if len(ends) else 0.0, most)
            last = self._last_stamp()
            log_bytes = self._log.stat().st_size
        except (TrainvizError, OSError):  # a run without a clock is still a run
            return None
        stamps = self._known_stamps
        if not len(stamps) or last > log_bytes:  # none, or those of another log
            return None
        times = np.interp(ends, stamps[:, 0], stamps[:, 1])
        if len(ends):  # later records lie behind this one
            keep_from = max(int(np.searchsorted(stamps[:, 0], ends[-1], "right")) - 1, 0)
            self._known_stamps = stamps[keep_from:]
        return times

    def _read_stamps(self, end: float, most: int | None) -> None:
        """Reads the times noted since; where `most` bounds it, as far as this byte of the log."""
        while most is None or not len(self._known_stamps) or self._known_stamps[-1, 0] <= end:
            new = self._stamps.poll(most)
            if len(new.ends):
                pairs = np.column_stack([new.axis, _column(new, "time")])
                pairs = np.concatenate([self._known_stamps, pairs[np.isfinite(pairs).all(axis=1)]])
                self._known_stamps = pairs[np.argsort(pairs[:, 0], kind="stable")]
            if not self._stamps.is_behind:
                break

    def _last_stamp(self) -> float:
        """Up to which byte of the log times are noted, those included that are not read yet."""
        known = float(self._known_stamps[-1, 0]) if len(self._known_stamps) else 0.0
        if not self._stamps.is_behind:
            return known
        offsets = [record.get("offset") for record in last_records(self._times, 1 << 10).records]
        return max([known, *(each for each in offsets if isinstance(each, (int, float)))])


def _code(table: Table, key: str) -> int:
    return table.keys.index(key) if key in table.keys else -1


def _column(table: Table, key: str) -> FloatArray:
    """(N,) the key's value in each record, NaN where it has none."""
    column = np.full(len(table.ends), np.nan)
    here = table.codes == _code(table, key)
    column[table.rows[here]] = table.values[here]
    return column


def _whole_steps(steps: FloatArray, table: Table) -> NumberArray:
    """The steps as integers, exact beyond 2^53, unless some are fractional."""
    exact = list(table.exact_axis)
    whole = np.where(np.isfinite(steps), steps, 0)
    whole[exact] = 0
    if (whole != np.trunc(whole)).any() or (np.abs(whole) >= 2**63).any():
        return steps + 0.0  # no zero is negative here, as none is among integers
    integers = whole.astype(np.int64)
    integers[exact] = list(table.exact_axis.values())
    return integers
