"""The rows that a reader found since it last looked, and the columns they become."""

from __future__ import annotations

from dataclasses import dataclass, field
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


def assemble(batches: Sequence[Batch]) -> dict[str, Series]:
    """One `Series` per key, in the order the keys were first met."""
    keys = list(dict.fromkeys(key for batch in batches for key in batch.keys))
    if not keys:
        return {}
    table = _join(batches, keys)
    order = np.argsort(table.codes, kind="stable")
    bounds = np.searchsorted(table.codes[order], np.arange(len(keys) + 1))
    values, rows = table.values[order], table.rows[order]
    steps = table.steps[rows]
    epochs = None if table.epochs is None else table.epochs[rows]
    times = None if table.wall_times is None else table.wall_times[rows]
    starts = np.cumsum([len(batch) for batch in batches[:-1]], dtype=np.int64)
    starts = starts[[batch.new_start for batch in batches[1:]]]
    series = {}
    for code, key in enumerate(keys):
        part = slice(bounds[code], bounds[code + 1])
        if part.start == part.stop:
            continue
        series[key] = Series(
            key=key,
            steps=steps[part],
            values=_exact_column(values[part], order[part], table.exact),
            epochs=_known(epochs, part),
            wall_times=_known(times, part),
            segments=_segments(steps[part], np.searchsorted(rows[part], starts)),
            start_time=None if times is None or not len(times) else float(np.nanmin(times)),
        )
    return series


def _join(batches: Sequence[Batch], keys: list[str]) -> Batch:
    """All batches as one, their codes translated to positions in `keys`."""
    code_of = {key: code for code, key in enumerate(keys)}
    # 16-bit codes are sorted by radix, several times faster than wider ones.
    dtype = np.uint16 if len(keys) < 2**16 else np.int32
    codes, rows, exact = [], [], {}
    first_row = first_value = 0
    for batch in batches:
        translation = np.array([code_of[key] for key in batch.keys], dtype)
        codes.append(translation[batch.codes])
        rows.append(batch.rows + np.int32(first_row))
        exact.update({first_value + i: number for i, number in batch.exact.items()})
        first_row += len(batch)
        first_value += len(batch.values)
    return Batch(
        keys=keys,
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


def _known(column: FloatArray | None, part: slice) -> FloatArray | None:
    """That part of the column, or None where it says nothing."""
    if column is None or np.isnan(column[part]).all():
        return None
    return column[part]


def _exact_column(values: FloatArray, places: IntArray, exact: dict[int, int]) -> NumberArray:
    """The values as int64 where float64 would round a column of integers."""
    large = (
        [(i, exact[place]) for i, place in enumerate(places.tolist()) if place in exact]
        if exact
        else []
    )
    if not large or not (np.isfinite(values) & (values == np.trunc(values))).all():
        return values
    if any(abs(number) >= 2**63 for _, number in large):
        return values
    whole = np.where(np.abs(values) < 2**53, values, 0).astype(np.int64)
    for i, number in large:
        whole[i] = number
    return whole


def _segments(steps: NumberArray, new_starts: IntArray) -> tuple[int, ...]:
    """Where a run restarted: its steps went back, or its rows come from a new start."""
    back = np.flatnonzero(steps[1:] < steps[:-1]) + 1
    if not len(back) and not len(new_starts):
        return (0,)
    inside = new_starts[(new_starts > 0) & (new_starts < len(steps))]
    return (0, *np.union1d(back, inside).tolist())
