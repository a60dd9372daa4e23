"""A run's `scalars.json` and `scalars.times` as batches of rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.codecs.jsonl import JsonLines
from trainviz_cli.errors import UnreadableError
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
        self._stamps = JsonLines(log.with_suffix(".times"), axis="offset")
        self._begin()

    def _begin(self) -> None:
        self._restarts = self._records.restarts
        self._clock = EpochClock()
        self._rows_read = 0
        self._counts_rows = False
        self._known_stamps = np.empty((0, 2))

    def poll(self) -> Batch:
        """The rows that came since the last poll.

        Raises:
            UnreadableError: The log is a git-LFS pointer, or can't be opened.
        """
        table = self._records.poll()
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
            wall_times=self._wall_times(table.ends),
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

    def _wall_times(self, ends: npt.NDArray[np.int64]) -> FloatArray | None:
        """When each record was written, interpolated between the times noted beside the log."""
        try:
            new = self._stamps.poll()
            log_bytes = self._log.stat().st_size
        except (UnreadableError, OSError):  # a run without a clock is still a run
            return None
        if len(new.ends):
            pairs = np.column_stack([new.axis, _column(new, "time")])
            pairs = np.concatenate([self._known_stamps, pairs[np.isfinite(pairs).all(axis=1)]])
            self._known_stamps = pairs[np.argsort(pairs[:, 0], kind="stable")]
        stamps = self._known_stamps
        if not len(stamps) or stamps[-1, 0] > log_bytes:  # none, or those of another log
            return None
        times = np.interp(ends, stamps[:, 0], stamps[:, 1])
        if len(ends):  # later records lie behind this one
            keep_from = max(int(np.searchsorted(stamps[:, 0], ends[-1], "right")) - 1, 0)
            self._known_stamps = stamps[keep_from:]
        return times


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
        return steps
    integers = whole.astype(np.int64)
    integers[exact] = list(table.exact_axis.values())
    return integers
