"""The rows that a reader found since it last looked, and the columns they become."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainviz_cli.model.diagnostic import merge
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
        starts: (N,) which start of the run (a process, or a file of it) each row comes from,
            numbered as they began: nothing joins the rows of two. None: all of start 0.
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
    starts: IntArray | None = None

    def __len__(self) -> int:
        return len(self.steps)

    @classmethod
    def empty(cls, keys: Sequence[str] = ()) -> Batch:
        """No rows at all."""
        no_codes, no_values = np.empty(0, np.int32), np.empty(0)
        return cls(keys, no_codes, no_codes, no_values, np.empty(0, np.int64))

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
            starts=None if self.starts is None else self.starts[rows],
            exact={new: self.exact[old] for new, old in enumerate(positions) if old in self.exact},
        )


def assemble(batches: Sequence[Batch]) -> dict[str, Series]:
    """One `Series` per key, in the order the keys were first met."""
    if not batches:
        return {}
    table = join(batches)
    begun = first_steps(table) if _has_restarts(table) else {}
    begin = _first_time(table.wall_times)
    return {
        key: _series(key, table, places, begun, begin)
        for key, places in places_by_key(table).items()
    }


def places_by_key(table: Batch) -> dict[str, IntArray]:
    """Key → where its values are among those of the table; keys without any are left out."""
    # 16-bit codes are sorted by radix, several times faster than wider ones.
    codes = table.codes.astype(np.uint16) if len(table.keys) < 2**16 else table.codes
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(table.keys) + 1))
    return {
        key: order[bounds[code] : bounds[code + 1]]
        for code, key in enumerate(table.keys)
        if bounds[code] < bounds[code + 1]
    }


def _has_restarts(table: Batch) -> bool:
    return table.starts is not None and bool((table.starts[1:] != table.starts[:-1]).any())


def first_steps(table: Batch) -> dict[int, float]:
    """Start → the step of its first row."""
    if table.starts is None:
        return {0: table.steps[0].item()} if len(table) else {}
    starts, first_rows = np.unique(table.starts, return_index=True)
    return dict(zip(starts.tolist(), table.steps[first_rows].tolist(), strict=True))


def _series(
    key: str, table: Batch, places: IntArray, begun: dict[int, float], start_time: float | None
) -> Series:
    """The samples at these places of the table, one key's, as a series."""
    rows = table.rows[places]
    return to_series(
        key,
        steps=table.steps[rows],
        values=_exact_column(table.values[places], places, table.exact),
        epochs=_known(table.epochs, rows),
        wall_times=_known(table.wall_times, rows),
        starts=table.starts[rows] if begun and table.starts is not None else np.zeros_like(rows),
        begun=begun,
        start_time=start_time,
    )


def to_series(
    key: str,
    *,
    steps: NumberArray,
    values: NumberArray,
    epochs: FloatArray | None,
    wall_times: FloatArray | None,
    starts: npt.NDArray[np.integer],
    begun: dict[int, float],
    start_time: float | None,
) -> Series:
    """The columns of one key, in the order written, as a series that knows its restarts.

    Args:
        key: As in `Series`, as are `steps`, `values`, `epochs`, `wall_times` and `start_time`.
        steps: (N,)
        values: (N,)
        epochs: (N,) or None.
        wall_times: (N,) or None.
        starts: (N,) which start of the run each sample comes from.
        begun: Start → its first step, in any key; empty where the run began only once.
        start_time: Of the whole run.
    """
    segments = _segments(steps, starts)
    return Series(
        key=key,
        steps=steps,
        values=values,
        epochs=epochs,
        wall_times=wall_times,
        segments=segments,
        start_time=start_time,
        begins=_begins(steps, segments, starts, begun) if begun else None,
    )


def _first_time(times: FloatArray | None) -> float | None:
    if times is None or np.isnan(times).all():
        return None
    return float(np.nanmin(times))


def join(batches: Sequence[Batch]) -> Batch:
    """All batches as one; there must be one at least."""
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
        starts=_join_starts(batches),
        diagnostics=merge(note for batch in batches for note in batch.diagnostics),
    )


def _join_starts(batches: Sequence[Batch]) -> IntArray | None:
    if all(batch.starts is None for batch in batches):
        return None
    return np.concatenate(
        [
            np.zeros(len(batch), np.int64) if batch.starts is None else batch.starts
            for batch in batches
        ]
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


def _segments(steps: NumberArray, starts: npt.NDArray[np.integer]) -> tuple[int, ...]:
    """Where a run restarted: its steps went back, or its rows come from another start."""
    cuts = np.flatnonzero((steps[1:] < steps[:-1]) | (starts[1:] != starts[:-1])) + 1
    return (0, *cuts.tolist())


def _begins(
    steps: NumberArray,
    segments: tuple[int, ...],
    starts: npt.NDArray[np.integer],
    begun: dict[int, float],
) -> tuple[float, ...]:
    """The step at which each segment takes over: a new start of the run says it for all keys.

    Args:
        steps: (N,) of one key.
        segments: Where its segments begin.
        starts: (N,) where its samples come from.
        begun: The first step of each start, those without the key included.
    """
    begins = [float(steps[0])]
    for at in segments[1:]:
        before, start = int(starts[at - 1]), int(starts[at])
        since = [step for each, step in begun.items() if before < each <= start]
        begins.append(min([float(steps[at]), *since]))
    return tuple(begins)
