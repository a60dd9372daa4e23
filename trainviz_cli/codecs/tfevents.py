"""Event files of TensorBoard, as columns of what came since one last looked.

Plain scalars, nearly all of what such a file holds, are taken out by `tfscalars`; the rest, one by
one, by the protobuf classes of the tensorboard package (`tfmessages`), imported where there is any.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trainviz_cli.codecs.growing import GrowingFile, Numbering, refuse_pointer
from trainviz_cli.codecs.tfrecord import (
    HEAD_BYTES,
    LONGEST,
    TAIL_BYTES,
    Records,
    find_first,
    find_records,
    head,
)
from trainviz_cli.codecs.tfscalars.decode import decode
from trainviz_cli.errors import UnreadableError
from trainviz_cli.model.diagnostic import Diagnostic, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from trainviz_cli.codecs.tfmessages import Extra
    from trainviz_cli.model.series import FloatArray, IntArray

_BLOCK_BYTES = 1 << 22
_WIDER = 16
_FAR = 1 << 20  # bytes from the end in which scalars are looked for, if there are other records
_FIRST, _LARGE = 8, 1 << 12
# First byte after an event's time and step, where there is nothing to read: a version, a graph, a
# log message, metadata of the run, a meta graph, metadata of the writer.
_SILENT = frozenset({b"\x1a", b"\x22", b"\x32", b"\x42", b"\x4a", b"\x52"})


class Events(NamedTuple):
    """Scalars of N events as a long table, as in `Batch`; and whatever else there was.

    Attributes:
        tags: Name of each code, for this reader's whole life.
        codes: (M,) which tag a value belongs to.
        rows: (M,) which event it stands in, never decreasing.
        values: (M,) float64.
        steps: (N,) int64.
        wall_times: (N,) unix seconds.
        sessions: (S,) before which rows a new session started.
        extras: Pictures, texts and the like, in the order written.
        diagnostics: What could not be read.
    """

    tags: Sequence[str]
    codes: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    values: FloatArray
    steps: IntArray
    wall_times: FloatArray
    sessions: IntArray
    extras: tuple[Extra, ...]
    diagnostics: tuple[Diagnostic, ...]


def last_events(path: Path, window: int) -> tuple[Events, int]:
    """What the last `window` bytes of a file hold, and about how many events the whole file has.

    Raises:
        UnreadableError: The file is a git-LFS pointer, or can't be opened.
    """
    reader = EventFile(path)
    with reader.opened() as file:
        if file is None:
            return _join([], [], []), 0
        size = file.seek(0, os.SEEK_END)
        while True:
            begin = max(size - window, 0)
            file.seek(begin)
            data = file.read(size - begin)
            if not begin:
                refuse_pointer(path, data)
            first = find_first(data) if begin else 0
            framing = find_records(data[len(data) if first is None else first :])
            events = _join([reader.read_events(begin, framing.records)], list(reader.tags), [])
            if len(events.steps) or not begin or (framing.end and window > _FAR):
                break
            window *= _WIDER
        scalars = size - _graphs(file) if begin else size
    share = max(scalars / max(framing.end, 1), 1)
    return events, round(len(framing.records.starts) * share) if begin else len(events.steps)


def _graphs(file: BinaryIO) -> int:
    """How many bytes at the beginning of the file are large records, as graphs are."""
    at = large = 0
    for _ in range(_FIRST):
        file.seek(at)
        begin = file.read(HEAD_BYTES)
        length = int.from_bytes(begin[:8], "little")
        if begin != head(length):
            break
        large += length if length > _LARGE else 0
        at += length + HEAD_BYTES + TAIL_BYTES
    return large


class EventFile(GrowingFile):
    """Follows one event file.

    A record that is cut off waits for its rest. One whose payload is damaged is skipped; where a
    length is damaged, nothing after it can be found.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._codes: Numbering[bytes] = Numbering()
        self._plugins: dict[str, str] = {}
        self._is_over = False

    def poll(self, most: int | None = None) -> Events:
        """What came since the last poll.

        Args:
            most: About how many bytes to read now, one block at least; None: all there are.

        Raises:
            UnreadableError: The file is a git-LFS pointer, or can't be opened.
        """
        problems: list[Diagnostic] = []
        parts: list[_Part] = []
        try:
            parts += (self.read_events(*piece) for piece in self._pieces(problems, most))
        except UnreadableError:
            if not parts:  # else the next poll says why
                raise
        return _join(parts, list(self._codes), problems)

    def _pieces(
        self, problems: list[Diagnostic], most: int | None
    ) -> Iterator[tuple[int, Records]]:
        """Sound records, some megabytes at a time, and where in the file their piece begins."""
        restarts = self.restarts
        with self.opened() as file:
            self._is_over &= restarts == self.restarts
            limit = math.inf if most is None else self.offset + most
            while file and not self._is_over:
                offset, data = self.offset, self._next_piece(file)
                framing = find_records(data)
                problems += [
                    self._note(offset + at, "record whose checksum is wrong")
                    for at in framing.damaged
                ]
                if framing.is_over:
                    self._is_over = True
                    what = "no record begins here: the rest of the file can't be read"
                    problems.append(self._note(offset + framing.end, what))
                self.advance(data[: framing.end])
                file.seek(self.offset)
                if len(framing.records.starts):
                    yield offset, framing.records
                if not framing.end or len(data) < _BLOCK_BYTES:
                    break
                if self.offset >= limit and not self._is_over:
                    self.leave_rest(file)
                    break

    def _next_piece(self, file: BinaryIO) -> bytes:
        """Bytes from `offset` on: a block, or as many as the first record has."""
        data = file.read(_BLOCK_BYTES)
        if self.offset == 0:
            refuse_pointer(self.path, data)
        length = int.from_bytes(data[:8], "little")
        more = length + HEAD_BYTES + TAIL_BYTES - len(data)
        there = os.fstat(file.fileno()).st_size - self.offset - len(data)
        if 0 < more <= there and length <= LONGEST and data[:HEAD_BYTES] == head(length):
            data += file.read(more)
        return data

    def _note(self, offset: int, message: str) -> Diagnostic:
        return Diagnostic(str(self.path), offset, message, skipped=1)

    @property
    def tags(self) -> Sequence[bytes]:
        """Every tag met, by its code."""
        return list(self._codes)

    def read_events(self, offset: int, records: Records) -> _Part:
        """The events in sound records, of a piece that begins at this byte of the file."""
        known = len(self._codes)
        scalars = decode(records, self._codes.__getitem__)
        places = _joined([each.places for each in scalars], np.int64)
        with np.errstate(invalid="ignore"):  # of a NaN that signals
            values = _joined([each.values for each in scalars], np.float64).astype(np.float64)
        part = _Part(
            places=places,
            codes=_joined([each.codes for each in scalars], np.int32),
            values=values,
            event_places=places,
            steps=_joined([each.steps for each in scalars], np.int64),
            wall_times=_joined([each.wall_times for each in scalars], np.float64),
        )
        others = np.ones(len(records.starts), bool)
        others[places] = False
        rare = [place for place in np.flatnonzero(others).tolist() if _may_say(records, place)]
        part = self._with_rare(part, offset, records, rare) if rare else part
        return self._numbered(part, known) if len(self._codes) > known + 1 else part

    def _numbered(self, part: _Part, known: int) -> _Part:
        """The part, its new tags numbered in the order in which they come."""
        codes = part.codes[np.argsort(part.places, kind="stable")]
        found, first = np.unique(codes, return_index=True)
        order = found[np.argsort(first)]
        order = order[order >= known]
        names = list(self._codes)[known:]
        for name in names:
            del self._codes[name]
        for code, old in enumerate(order.tolist(), known):
            self._codes[names[old - known]] = code
        translation = np.arange(len(self._codes), dtype=np.int32)
        translation[order] = np.arange(known, len(self._codes), dtype=np.int32)
        return part._replace(codes=translation[part.codes])

    def _with_rare(self, part: _Part, offset: int, records: Records, rare: Sequence[int]) -> _Part:
        """The part, with what other events hold."""
        from trainviz_cli.codecs.tfmessages import Message, parse

        messages: list[tuple[int, Message]] = []
        for place in rare:
            start, length = int(records.starts[place]), int(records.lengths[place])
            payload = records.data[start : start + length]
            where = (self.path, offset + start)
            messages.append((place, parse(payload, where, self._plugins)))
        more = [(place, message) for place, message in messages if message.scalars]
        return _Part(
            places=np.append(part.places, [p for p, m in more for _ in m.scalars]).astype(np.int64),
            codes=np.append(
                part.codes, [self._codes[tag] for _, m in more for tag, _ in m.scalars]
            ).astype(np.int32),
            values=np.append(part.values, [value for _, m in more for _, value in m.scalars]),
            event_places=np.append(part.event_places, [p for p, _ in more]).astype(np.int64),
            steps=np.append(part.steps, np.array([m.step for _, m in more], np.int64)),
            wall_times=np.append(part.wall_times, [m.wall_time for _, m in more]),
            sessions=tuple(place for place, m in messages if m.starts_session),
            extras=tuple(extra for _, m in messages for extra in m.extras),
            problems=tuple(
                self._note(offset + int(records.starts[place]), m.problem)
                for place, m in messages
                if m.problem
            ),
        )


class _Part(NamedTuple):
    """The events of one piece, in no order; a place is a record's number in the piece."""

    places: IntArray
    codes: npt.NDArray[np.int32]
    values: FloatArray
    event_places: IntArray
    steps: IntArray
    wall_times: FloatArray
    sessions: tuple[int, ...] = ()
    extras: tuple[Extra, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


def _may_say(records: Records, place: int) -> bool:
    """Whether there may be anything to read in the record: not in a graph, which is large."""
    start, length = int(records.starts[place]), int(records.lengths[place])
    begin = records.data[start : start + min(length, 24)]
    at = 9 if begin[:1] == b"\x09" else 0
    if begin[at : at + 1] == b"\x10":
        at = next((i + 1 for i in range(at + 1, len(begin)) if begin[i] < 128), length + 1)
    return at != length and begin[at : at + 1] not in _SILENT


def _join(parts: Sequence[_Part], tags: Sequence[bytes], notes: Sequence[Diagnostic]) -> Events:
    """The parts as one table, the events in the order written."""
    codes, rows, values, steps, wall_times, sessions = [], [], [], [], [], []
    first_row = 0
    for part in parts:
        order = np.argsort(part.event_places, kind="stable")
        places = part.event_places[order]
        steps.append(part.steps[order])
        wall_times.append(part.wall_times[order])
        row = np.searchsorted(places, part.places) + first_row
        by_row = np.argsort(row, kind="stable")
        codes.append(part.codes[by_row])
        rows.append(row[by_row].astype(np.int32))
        values.append(part.values[by_row].astype(np.float64))
        sessions.append(np.searchsorted(places, part.sessions) + first_row)
        first_row += len(places)
    return Events(
        tags=[tag.decode("utf-8", "replace") for tag in tags],
        codes=_joined(codes, np.int32),
        rows=_joined(rows, np.int32),
        values=_joined(values, np.float64),
        steps=_joined(steps, np.int64),
        wall_times=_joined(wall_times, np.float64),
        sessions=_joined(sessions, np.int64),
        extras=tuple(extra for part in parts for extra in part.extras),
        diagnostics=merge([*notes, *(note for part in parts for note in part.problems)]),
    )


def _joined(columns: Sequence[npt.NDArray[Any]], kind: type) -> npt.NDArray[Any]:
    return np.concatenate(columns) if columns else np.empty(0, kind)
