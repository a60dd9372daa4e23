"""JSON Lines as columns: one JSON object per line, values of any key at any time.

Nearly all lines of a log are sound, so a block is parsed in one call, as if it were one array, and
spread into columns without a loop. Only a block with something odd in it is taken line by line.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson

from trainviz_cli.codecs.lines import MAX_LINE_BYTES, Block, LineReader
from trainviz_cli.model.diagnostic import Diagnostic, merge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainviz_cli.model.series import FloatArray, IntArray

Record = dict[str, Any]
Parsed = tuple[list[Record], list[Any], "IntArray"]  # records, all their values, where each ends

# The bare word after a key, never inside a string: a quote there would be escaped.
_BARE_NAN = re.compile(rb'(?:(?<=[^\\]": )|(?<=[^\\]":))NaN(?=[,}])')
_CONFLICT = (b"<<<<<<< ", b"=======", b">>>>>>> ", b"||||||| ")
_NUMBERS = {float, int, bool, type(None)}
_NEWLINE, _BRACE = 10, 123
_EXACT_INTEGERS = 2**53
_MOST_GUESSES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Records as a long table: M values in N records.

    Attributes:
        keys: Name of each code, for this reader's whole life.
        codes: (M,) which key a value belongs to.
        rows: (M,) which record it stands in.
        values: (M,) float64; `null` and `NaN` are NaN.
        ends: (N,) byte in the file just after each record's line.
        exact: Position among the M values → the integer, where float64 can't hold it.
        texts: (record, key, value) of strings that stood where a number belongs.
        diagnostics: What could not be read.
    """

    keys: Sequence[str]
    codes: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    values: FloatArray
    ends: IntArray
    exact: dict[int, int] = field(default_factory=dict)
    texts: list[tuple[int, str, str]] = field(default_factory=list)
    diagnostics: tuple[Diagnostic, ...] = ()


class JsonLines:
    """A growing JSON Lines file, as a table of what came since it was last polled."""

    def __init__(self, path: Path) -> None:
        self._lines = LineReader(path, is_whole=_is_object)
        self._codes: defaultdict[str, int] = defaultdict(count().__next__)
        self._shapes = _Shapes(self._codes)

    @property
    def restarts(self) -> int:
        """How often the file shrank or was replaced."""
        return self._lines.restarts

    def poll(self) -> Table:
        """The records that came since the last poll.

        Raises:
            UnreadableError: The file is a git-LFS pointer, or can't be opened.
        """
        tables = [self._tabulate(block) for block in self._lines.poll()]
        too_long, self._lines.too_long = self._lines.too_long, []
        notes = [self._note(at, f"line over {MAX_LINE_BYTES >> 20} MiB") for at in too_long]
        return self._concatenate(tables, notes)

    def _tabulate(self, block: Block) -> Table:
        damage: list[Diagnostic] = []
        parsed = _parse_together(block) or self._parse_one_by_one(block, damage)
        records, values, ends = parsed
        codes, lengths = self._shapes.codes(records)
        rows = np.repeat(np.arange(len(records), dtype=np.int32), lengths)
        return self._numbers(codes, rows, values, ends, damage)

    def _numbers(
        self,
        codes: npt.NDArray[np.int32],
        rows: npt.NDArray[np.int32],
        values: list[Any],
        ends: IntArray,
        damage: list[Diagnostic],
    ) -> Table:
        """The table of the values that are numbers."""
        texts = []
        if not set(map(type, values)) <= _NUMBERS:
            keys = list(self._codes)
            odd = [i for i, value in enumerate(values) if type(value) not in _NUMBERS]
            for i in odd:
                key, value, row = keys[codes[i]], values[i], int(rows[i])
                if isinstance(value, str):
                    texts.append((row, key, value))
                else:
                    kind = "list" if isinstance(value, list) else "nested mapping"
                    damage.append(self._note(int(ends[row]), f"{key[:80]!r} holds a {kind}"))
            codes, rows = np.delete(codes, odd), np.delete(rows, odd)
            values = [value for value in values if type(value) in _NUMBERS]
        numbers = _to_floats(values)
        exact: dict[int, int] = {}
        if (np.abs(numbers) >= _EXACT_INTEGERS).any():
            large = np.flatnonzero(np.abs(numbers) >= _EXACT_INTEGERS).tolist()
            exact = {i: values[i] for i in large if type(values[i]) is int}
        return Table((), codes, rows, numbers, ends, exact, texts, tuple(damage))

    def _parse_one_by_one(self, block: Block, damage: list[Diagnostic]) -> Parsed:
        records: list[Record] = []
        ends: list[int] = []
        start = block.offset
        for line in block.data.split(b"\n"):
            found, problem = _parse_line(line.strip(b" \t\r\0"))
            end = start + len(line) + 1
            records += found
            ends += [end] * len(found)
            if problem:
                damage.append(self._note(start, problem))
            start = end
        return records, _values(records), np.array(ends, np.int64)

    def _note(self, offset: int, message: str) -> Diagnostic:
        return Diagnostic(str(self._lines.path), offset, message, skipped=1)

    def _concatenate(self, tables: list[Table], notes: list[Diagnostic]) -> Table:
        first_row, first_value = 0, 0
        rows, exact, texts = [], {}, []
        for table in tables:
            rows.append(table.rows + np.int32(first_row))
            exact.update({first_value + i: n for i, n in table.exact.items()})
            texts += [(first_row + row, key, text) for row, key, text in table.texts]
            notes += table.diagnostics
            first_row += len(table.ends)
            first_value += len(table.values)
        return Table(
            keys=list(self._codes),
            codes=_join([table.codes for table in tables], np.int32),
            rows=_join(rows, np.int32),
            values=_join([table.values for table in tables], np.float64),
            ends=_join([table.ends for table in tables], np.int64),
            exact=exact,
            texts=texts,
            diagnostics=merge(notes),
        )


class _Shapes(dict[tuple[str, ...], int]):
    """Numbers the sets of keys that records come with: a log has few, however many its records."""

    def __init__(self, codes: defaultdict[str, int]) -> None:
        self._code_of = codes
        self._lengths: list[int] = []
        self._flat: list[int] = []  # the codes of every shape's keys, shape after shape

    def __missing__(self, shape: tuple[str, ...]) -> int:
        number = self[shape] = len(self._lengths)
        self._lengths.append(len(shape))
        self._flat += [self._code_of[key] for key in shape]
        return number

    def codes(self, records: list[Record]) -> tuple[npt.NDArray[np.int32], IntArray]:
        """(M,) the code of each value of all records, and (N,) how many values each has."""
        shapes = np.fromiter(map(self.__getitem__, map(tuple, records)), np.int32, len(records))
        every_length = np.array(self._lengths, np.int64)
        lengths = every_length[shapes]
        begins = (np.cumsum(every_length) - every_length)[shapes]  # in `_flat`
        shift = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths)
        return np.array(self._flat, np.int32)[shift + np.arange(len(shift))], lengths


def _join(parts: list[Any], dtype: type) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _is_object(text: bytes) -> bool:
    """Whether an end without a newline is a whole record: it closes all that it opened."""
    return text.rstrip().endswith(b"}") and bool(_parse_line(text.strip())[0])


def _parse_together(block: Block) -> Parsed | None:
    """All records of a block in which every line is sound, else None."""
    data = block.data if block.data.endswith(b"\n") else block.data + b"\n"
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE) + 1
    begins = np.frombuffer(data, np.uint8)[np.concatenate(([0], ends[:-1]))]
    if not (begins == _BRACE).all():
        return None
    if b"NaN" in data:
        data = _BARE_NAN.sub(b"null", data)
    try:
        records = orjson.loads(b"[%b]" % data[:-1].replace(b"\n", b","))
        values = _values(records)
    except (orjson.JSONDecodeError, TypeError):  # TypeError: something in it is no record
        return None
    # Lines that begin with a brace and number as many as the records are the records.
    return (records, values, ends + block.offset) if len(records) == len(ends) else None


def _values(records: list[Record]) -> list[Any]:
    """Every value of every record, one after the other."""
    return list(chain.from_iterable(map(dict.values, records)))


def _parse_line(line: bytes) -> tuple[list[Record], str | None]:
    """The records on one line, and what is wrong with it."""
    if not line:
        return [], None
    if line.startswith(_CONFLICT):
        return [], "git conflict marker"
    record = _parse_record(line)
    if record is not None:
        return [record], None
    return _parse_glued(line)


def _parse_record(line: bytes) -> Record | None:
    if not line.startswith(b"{"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _parse_glued(line: bytes) -> tuple[list[Record], str | None]:
    """What can be had with certainty from a line on which records run into each other.

    A record that broke off leaves no newline, so the next one follows on its line. From the first
    brace where the whole rest of the line is made of whole records that say their step, the rest
    is taken.
    """
    text = line.decode("utf-8", "replace")
    for guess, at in enumerate(re.finditer(r'\{"', text)):
        if guess == _MOST_GUESSES:
            break
        records = _whole_records(text, at.start())
        if records and all("step" in record for record in records):
            whole = at.start() == 0
            return records, None if whole else "record cut short by the next one"
    return [], "line is no JSON object"


def _whole_records(text: str, start: int) -> list[Record]:
    """The records from `start` to the end, or none at all if anything else stands between."""
    found: list[Record] = []
    while start < len(text):
        try:
            record, start = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return []
        if not isinstance(record, dict):
            return []
        found.append(record)
    return found


_DECODER = json.JSONDecoder()


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
