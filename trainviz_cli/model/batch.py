"""The rows that a reader found since it last looked, and the columns they become."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainviz_cli.model.series import FloatArray, IntArray, NumberArray, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.model.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows in the order written, as a long table: M values spread over N rows.

    Attributes:
        keys: Name of each code. Codes keep their meaning over the batches of one reader.
        codes: (M,) which key a value belongs to.
        rows: (M,) which row a value stands in, 0 ≤ row < N, never decreasing.
        values: (M,) float64.
        exact: Position among the M values → the integer, where float64 can't hold it.
        steps: (N,) global step of each row; int64, or float64 where a log has fractional steps.
        epochs: (N,) epoch of each row, fractional where the log allows; None if it has none.
        wall_times: (N,) unix seconds; None if the log has none.
        new_start: The rows come from a new file or process: nothing joins them to what came before.
    """

    keys: Sequence[str]
    codes: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    values: FloatArray
    steps: NumberArray
    epochs: FloatArray | None = None
    wall_times: FloatArray | None = None
    exact: dict[int, int] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    new_start: bool = False

    def __len__(self) -> int:
        return len(self.steps)

    def only(self, rows: npt.NDArray[np.bool_]) -> Batch:
        """The batch without the rows where `rows` is False."""
        kept = rows[self.rows]
        positions = np.flatnonzero(kept).tolist() if self.exact else ()
        return replace(
            self,
            codes=self.codes[kept],
            rows=(np.cumsum(rows, dtype=np.int32) - np.int32(1))[self.rows[kept]],
            values=self.values[kept],
            steps=self.steps[rows],
            epochs=None if self.epochs is None else self.epochs[rows],
            wall_times=None if self.wall_times is None else self.wall_times[rows],
            exact={new: self.exact[old] for new, old in enumerate(positions) if old in self.exact},
        )


def assemble(batches: Sequence[Batch]) -> dict[str, Series]:
    """One `Series` per key, in the order the keys were first met."""
    if not batches:
        return {}
    table = _join(batches)
    # 16-bit codes are sorted by radix, several times faster than wider ones.
    codes = table.codes.astype(np.uint16) if len(table.keys) < 2**16 else table.codes
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(table.keys) + 1))
    parts = {
        key: order[bounds[code] : bounds[code + 1]]
        for code, key in enumerate(table.keys)
        if bounds[code] < bounds[code + 1]
    }
    starts = np.cumsum([len(batch) for batch in batches[:-1]], dtype=np.int64)
    starts = starts[[batch.new_start for batch in batches[1:]]]
    starts = starts[starts < len(table)]
    begin = _first_time(table.wall_times)
    return {key: _series(key, table, places, starts, begin) for key, places in parts.items()}


def _series(
    key: str, table: Batch, places: IntArray, starts: IntArray, start_time: float | None
) -> Series:
    """The samples at these places of the table, one key's, as a series."""
    rows = table.rows[places]
    steps = table.steps[rows]
    new_starts = np.searchsorted(rows, starts)
    segments = _segments(steps, new_starts)
    return Series(
        key=key,
        steps=steps,
        values=_exact_column(table.values[places], places, table.exact),
        epochs=_known(table.epochs, rows),
        wall_times=_known(table.wall_times, rows),
        segments=segments,
        start_time=start_time,
        begins=_begins(
            steps,
            segments,
            list(zip(new_starts.tolist(), table.steps[starts].tolist(), strict=True)),
        ),
    )


def _first_time(times: FloatArray | None) -> float | None:
    if times is None or np.isnan(times).all():
        return None
    return float(np.nanmin(times))


def _join(batches: Sequence[Batch]) -> Batch:
    """All batches as one."""
    if len(batches) == 1:
        return batches[0]
    code_of = {
        key: code for code, key in enumerate(dict.fromkeys(k for b in batches for k in b.keys))
    }
    codes, rows, exact = [], [], {}
    first_row = first_value = 0
    for batch in batches:
        translation = np.array([code_of[key] for key in batch.keys], np.int32)
        codes.append(translation[batch.codes])
        rows.append(batch.rows + np.int32(first_row))
        exact.update({first_value + i: number for i, number in batch.exact.items()})
        first_row += len(batch)
        first_value += len(batch.values)
    return Batch(
        keys=list(code_of),
        codes=np.concatenate(codes),
        rows=np.concatenate(rows),
        values=np.concatenate([batch.values for batch in batches]),
        steps=np.concatenate([batch.steps for batch in batches]),
        epochs=_join_optional([batch.epochs for batch in batches], batches),
        wall_times=_join_optional([batch.wall_times for batch in batches], batches),
        exact=exact,
    )


def _join_optional(
    columns: Sequence[FloatArray | None], batches: Sequence[Batch]
) -> FloatArray | None:
    if all(column is None for column in columns):
        return None
    return np.concatenate(
        [
            np.full(len(batch), np.nan) if column is None else column
            for column, batch in zip(columns, batches, strict=True)
        ]
    )


def _known(column: FloatArray | None, rows: npt.NDArray[np.int32]) -> FloatArray | None:
    """The column at these rows, or None where it says nothing."""
    if column is None:
        return None
    here = column[rows]
    return None if np.isnan(here).all() else here


def _exact_column(values: FloatArray, places: IntArray, exact: dict[int, int]) -> NumberArray:
    """The values as int64 where float64 would round a column of integers."""
    if not exact:
        return values
    large = [(i, exact[place]) for i, place in enumerate(places.tolist()) if place in exact]
    if not large or not (np.isfinite(values) & (values == np.trunc(values))).all():
        return values
    rounded = np.abs(values) >= 2**53
    if rounded.sum() > len(large) or any(abs(number) >= 2**63 for _, number in large):
        return values
    whole = np.where(rounded, 0, values).astype(np.int64)
    for i, number in large:
        whole[i] = number
    return whole


def _segments(steps: NumberArray, new_starts: IntArray) -> tuple[int, ...]:
    """Where a run restarted: its steps went back, or its rows come from a new start."""
    back = np.flatnonzero(steps[1:] < steps[:-1]) + 1
    if not len(back) and not len(new_starts):
        return (0,)
    inside = new_starts[(new_starts > 0) & (new_starts < len(steps))]
    return (0, *sorted({*back.tolist(), *inside.tolist()}))


def _begins(
    steps: NumberArray, segments: tuple[int, ...], run_starts: list[tuple[int, float]]
) -> tuple[float, ...] | None:
    """The step at which each segment takes over: new starts of the run say it for all keys.

    Args:
        steps: (N,) of one key.
        segments: Where its segments begin.
        run_starts: For each new start of the run, where it lies among the samples, and its step.
    """
    if not run_starts:
        return None
    begins = {at: float(steps[at]) for at in segments}
    for at, step in run_starts:
        if at in begins:
            begins[at] = min(begins[at], step)
    return tuple(begins.values())
