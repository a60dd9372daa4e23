"""JSON Lines as columns: one JSON object per line, values of any key at any time.

Nearly all lines of a log are sound, so a block is parsed in one call, as if it were one array, and
spread into columns without a loop. Only a block with something odd in it is taken line by line.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from trainviz_cli.codecs.blocks import parse_one_by_one, parse_together
from trainviz_cli.codecs.growing import Numbering
from trainviz_cli.codecs.lines import MAX_LINE_BYTES, Block, LineReader
from trainviz_cli.codecs.records import Record, parse_record
from trainviz_cli.errors import UnreadableError
from trainviz_cli.model.diagnostic import Diagnostic, merge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainviz_cli.model.series import FloatArray, IntArray

Codes = npt.NDArray[np.int32]

_NUMBERS = {float, int, bool, type(None)}
_EXACT_INTEGERS = 2**53


class Table(NamedTuple):
    """Records as a long table: M values in N records.

    Attributes:
        keys: Name of each code, for this reader's whole life.
        codes: (M,) which key a value belongs to.
        rows: (M,) which record it stands in.
        values: (M,) float64; `null` and `NaN` are NaN.
        axis: (N,) float64 value of the axis key in each record, NaN where it has none.
        ends: (N,) byte in the file just after each record's line.
        begins: Record → where its line begins, unless where the record before it ends.
        exact: Position among the M values → the integer, where float64 can't hold it.
        exact_axis: Record → the integer on the axis, likewise.
        others: (record, key, value) of strings, lists and mappings, which are no numbers.
        diagnostics: What could not be read.
    """

    keys: Sequence[str]
    codes: Codes
    rows: Codes
    values: FloatArray
    axis: FloatArray
    ends: IntArray
    begins: dict[int, int]
    exact: dict[int, int]
    exact_axis: dict[int, int]
    others: list[tuple[int, str, object]]
    diagnostics: tuple[Diagnostic, ...]


_EMPTY = Table(
    keys=(),
    codes=np.empty(0, np.int32),
    rows=np.empty(0, np.int32),
    values=np.empty(0),
    axis=np.empty(0),
    ends=np.empty(0, np.int64),
    begins={},
    exact={},
    exact_axis={},
    others=[],
    diagnostics=(),
)


class JsonLines:
    """A growing JSON Lines file, as a table of what came since it was last polled.

    Args:
        path: The file; it may not exist yet.
        axis: The key that places a record; it becomes a column instead of values.
        follows_renamed: Read one that was replaced to its end, where it has another name now.
    """

    def __init__(self, path: Path, axis: str, *, follows_renamed: bool = True) -> None:
        self._lines = LineReader(
            path,
            is_whole=lambda end: parse_record(end) is not None,
            follows_renamed=follows_renamed,
        )
        self._codes: Numbering[str] = Numbering()
        self._axis_code = self._codes[axis]
        self._shapes = _Shapes(self._codes)

    @property
    def restarts(self) -> int:
        """How often the file shrank or was replaced."""
        return self._lines.restarts

    @property
    def is_behind(self) -> bool:
        """Whether the last poll left something unread that is already there."""
        return self._lines.is_behind

    @property
    def has_moved(self) -> bool:
        """Whether the last poll read the end of a file that has another name now."""
        return self._lines.has_moved

    def poll(self, most: int | None = None) -> Table:
        """The records that came since the last poll.

        Args:
            most: About how many bytes to read now, one block at least; None: all there are.

        Raises:
            UnreadableError: The file is a git-LFS pointer, or can't be opened.
        """
        tables: list[Table] = []
        try:
            tables += map(self._tabulate, self._lines.poll(most))
        except UnreadableError:
            if not tables:  # else the next poll says why
                raise
        too_long, self._lines.too_long = self._lines.too_long, []
        notes = [self._note(at, f"line over {MAX_LINE_BYTES >> 20} MiB") for at in too_long]
        if not tables and not notes:
            return _EMPTY._replace(keys=list(self._codes))
        return _concatenate(tables, list(self._codes), notes)

    def _tabulate(self, block: Block) -> Table:
        together = parse_together(block)
        parsed, problems, begins = (together, [], {}) if together else parse_one_by_one(block)
        records, values, kinds, ends = parsed
        codes, lengths = self._shapes.codes(records)
        rows = np.repeat(np.arange(len(records), dtype=np.int32), lengths)
        others: list[tuple[int, str, object]] = []
        if not kinds <= _NUMBERS:
            others, codes, rows, values = self._without_others(codes, rows, values)
        numbers = _to_floats(values)
        on_axis = codes == self._axis_code
        axis = np.full(len(records), np.nan)
        axis[rows[on_axis]] = numbers[on_axis]
        exact, exact_axis = _exact(values, numbers, rows, on_axis)
        plotted = ~on_axis
        return Table(
            keys=(),
            codes=codes[plotted],
            rows=rows[plotted],
            values=numbers[plotted],
            axis=axis,
            ends=ends,
            begins={0: block.offset} | begins,
            exact=exact,
            exact_axis=exact_axis,
            others=others,
            diagnostics=tuple(self._note(*problem) for problem in problems),
        )

    def _without_others(
        self, codes: Codes, rows: Codes, values: list[Any]
    ) -> tuple[list[tuple[int, str, object]], Codes, Codes, list[Any]]:
        """What is no number, then the columns without it."""
        keys = list(self._codes)
        odd = [i for i, value in enumerate(values) if type(value) not in _NUMBERS]
        others = [(int(rows[i]), keys[codes[i]], values[i]) for i in odd]
        numbers = [value for value in values if type(value) in _NUMBERS]
        return others, np.delete(codes, odd), np.delete(rows, odd), numbers

    def _note(self, offset: int, message: str) -> Diagnostic:
        return Diagnostic(str(self._lines.path), offset, message, skipped=1)


class _Shapes(dict[tuple[str, ...], int]):
    """Numbers the sets of keys that records come with: a log has few, however many its records."""

    def __init__(self, codes: Numbering[str]) -> None:
        self._code_of = codes
        self._lengths: list[int] = []
        self._flat: list[int] = []  # the codes of every shape's keys, shape after shape

    def __missing__(self, shape: tuple[str, ...]) -> int:
        number = self[shape] = len(self._lengths)
        self._lengths.append(len(shape))
        self._flat += [self._code_of[key] for key in shape]
        return number

    def __deepcopy__(self, memo: dict[int, object]) -> _Shapes:
        twin = _Shapes(deepcopy(self._code_of, memo))
        twin.update(self)
        twin._lengths, twin._flat = self._lengths.copy(), self._flat.copy()
        return twin

    def codes(self, records: list[Record]) -> tuple[Codes, IntArray]:
        """(M,) the code of each value of all records, and (N,) how many values each has."""
        shapes = np.fromiter(map(self.__getitem__, map(tuple, records)), np.int32, len(records))
        every_length = np.array(self._lengths, np.int64)
        lengths = every_length[shapes]
        begins = (np.cumsum(every_length) - every_length)[shapes]  # in `_flat`
        shift = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths)
        return np.array(self._flat, np.int32)[shift + np.arange(len(shift))], lengths


def _exact(
    values: list[Any], numbers: FloatArray, rows: Codes, on_axis: npt.NDArray[np.bool_]
) -> tuple[dict[int, int], dict[int, int]]:
    """The integers that float64 can't hold: by position among the plotted, and by record."""
    exact, exact_axis = {}, {}
    before = np.cumsum(on_axis)  # how many of the values up to each are no values of a key
    for i in np.flatnonzero(np.abs(numbers) >= _EXACT_INTEGERS).tolist():
        if type(values[i]) is int and abs(values[i]) < 2**63:
            if on_axis[i]:
                exact_axis[int(rows[i])] = values[i]
            else:
                exact[i - int(before[i])] = values[i]
    return exact, exact_axis


def _concatenate(tables: list[Table], keys: list[str], notes: list[Diagnostic]) -> Table:
    """The tables of successive blocks as one."""
    exact: dict[int, int] = {}
    exact_axis: dict[int, int] = {}
    begins: dict[int, int] = {}
    others: list[tuple[int, str, object]] = []
    first_row = first_value = 0
    for table in tables:
        np.add(table.rows, first_row, out=table.rows)
        exact.update({first_value + i: number for i, number in table.exact.items()})
        exact_axis.update({first_row + row: number for row, number in table.exact_axis.items()})
        begins |= {first_row + row: begin for row, begin in table.begins.items()}
        others += [(first_row + row, key, value) for row, key, value in table.others]
        notes += table.diagnostics
        first_row += len(table.ends)
        first_value += len(table.values)
    return Table(
        keys=keys,
        codes=_join([table.codes for table in tables], np.int32),
        rows=_join([table.rows for table in tables], np.int32),
        values=_join([table.values for table in tables], np.float64),
        axis=_join([table.axis for table in tables], np.float64),
        ends=_join([table.ends for table in tables], np.int64),
        begins=begins,
        exact=exact,
        exact_axis=exact_axis,
        others=others,
        diagnostics=merge(notes),
    )


def _join(parts: list[Any], dtype: type) -> npt.NDArray[Any]:
    if len(parts) == 1:
        return cast("npt.NDArray[Any]", parts[0])
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _to_floats(values: list[Any]) -> FloatArray:
    try:
        return np.array(values, np.float64)
    except OverflowError:  # an integer beyond 1.8e308
        return np.array([_to_float(value) for value in values], np.float64)


def _to_float(value: float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        return float("inf") if value and value > 0 else float("-inf")
