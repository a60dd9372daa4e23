"""A stretch of a long run read again, with the samples that following it left out."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.model.batch import places_by_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trainviz_cli.model.batch import Batch
    from trainviz_cli.runs.found import RunReader

_MOST_MARKS = 64
_ROWS = 1 << 14  # between two marks, at first
_MOST_ROWS = 3 << 20  # to read again at once: a second or two
_AT_ONCE_BYTES = 4 << 20


class Stretch(NamedTuple):
    """From one step to another, both included."""

    low: float
    high: float

    def meets(self, other: Stretch) -> bool:
        """Whether the two have a step in common."""
        return self.low <= other.high and other.low <= self.high

    def part_of(self, batch: Batch) -> Batch:
        """The rows of a batch in it."""
        inside = (batch.steps >= self.low) & (batch.steps <= self.high)
        return batch if inside.all() else batch.only(inside)

    def joined(self, other: Stretch) -> Stretch:
        """From the lowest to the highest step of the two."""
        return Stretch(min(self.low, other.low), max(self.high, other.high))


class Trace(NamedTuple):
    """What tells rows from others, without holding them.

    In which order the files of a run are read depends on how much of each is there, so rows are
    not told by their place among all; but those of one key come in the same order always.

    Attributes:
        rows: How many they are.
        start: The latest start of the run among theirs.
        stretch: The steps they have.
        values: Key → how many values it has in them.
        digest: Of all values, in any order.
    """

    rows: int
    start: int
    stretch: Stretch
    values: Counter[str]
    digest: int

    @classmethod
    def of(cls, batch: Batch) -> Trace:
        """Of a batch with rows."""
        start = 0 if batch.starts is None else int(batch.starts.max())
        stretch = Stretch(float(batch.steps.min()), float(batch.steps.max()))
        values = Counter({key: len(places) for key, places in places_by_key(batch).items()})
        return cls(len(batch), start, stretch, values, _digest(batch))

    def joined(self, other: Trace) -> Trace:
        """Of these rows and others."""
        return Trace(
            self.rows + other.rows,
            max(self.start, other.start),
            self.stretch.joined(other.stretch),
            self.values + other.values,
            (self.digest + other.digest) % 2**64,
        )


class Mark(NamedTuple):
    """Rows that were read one after the other.

    Attributes:
        reader: Where they begin; None if they can't be read again.
        trace: What they are.
    """

    reader: RunReader | None
    trace: Trace

    def joined(self, trace: Trace) -> Mark:
        """With the rows that came after them."""
        return Mark(self.reader, self.trace.joined(trace))


class Marks:
    """Where in a log which steps are, so that a stretch of it can be read again."""

    def __init__(self, reader: RunReader) -> None:
        """Begins where the reader is."""
        self._marks: list[Mark] = []
        self._rows_each = _ROWS
        self._restarts = reader.restarts
        self._next: RunReader | None = deepcopy(reader)  # where the next mark begins

    def note(self, batches: Sequence[Batch], reader: RunReader) -> None:
        """Notes what was read.

        Args:
            batches: The rows that came.
            reader: As it is after that.
        """
        traces = [Trace.of(batch) for batch in batches if len(batch)]
        if not traces:
            return
        trace = reduce(Trace.joined, traces)
        is_replaced = reader.restarts > self._restarts
        if self._next or is_replaced:
            # What a log that took another's place began with can't be read again, unless a reader
            # from just before is at hand: copying one at each poll would cost more than all else.
            self._marks.append(Mark(self._next, trace))
        else:
            self._marks[-1] = self._marks[-1].joined(trace)
        self._restarts = reader.restarts
        is_full = is_replaced or self._marks[-1].trace.rows >= self._rows_each
        self._next = deepcopy(reader) if is_full else None
        if len(self._marks) > _MOST_MARKS:
            self._rows_each *= 2
            self._marks = self._joined(self._marks)

    def _joined(self, marks: Sequence[Mark]) -> list[Mark]:
        """Joins marks of few rows with those after them; but none across a log that was replaced.

        Unless there is nothing but such logs.
        """
        lost = sum(mark.reader is None for mark in marks)
        found = list(marks[:1])
        for mark in marks[1:]:
            may_join = (mark.reader and found[-1].reader) or lost > _MOST_MARKS // 2
            if found[-1].trace.rows < self._rows_each and may_join:
                found[-1] = found[-1].joined(mark.trace)
            else:
                found.append(mark)
        return found

    def can_read(self, stretch: Stretch) -> bool:
        """Whether reading it again takes no more than a moment."""
        met = [mark for mark in self._marks if stretch.meets(mark.trace.stretch)]
        return all(mark.reader for mark in met) and sum(m.trace.rows for m in met) <= _MOST_ROWS

    def read(self, stretch: Stretch) -> Iterator[Batch]:
        """The rows of a stretch, each key's in the order written, without those that are gone.

        Raises:
            UnreadableError: The log can't be read any more.
        """
        for mark in self._marks:
            if mark.reader and stretch.meets(mark.trace.stretch):
                yield from _again(mark.reader, mark.trace, stretch)


def _digest(batch: Batch) -> int:
    return int(batch.values.view(np.uint64).sum())


def _again(reader: RunReader, trace: Trace, stretch: Stretch) -> list[Batch]:
    """The rows of a mark in a stretch; none if the log holds others in place of the mark's."""
    reader, left = deepcopy(reader), trace.values.copy()
    found: list[Batch] = []
    digest = 0
    while any(count > 0 for count in left.values()):
        batches = [batch for batch in reader.poll(_AT_ONCE_BYTES) if len(batch)]
        for part in (_first(left, batch) for batch in batches):
            digest += _digest(part)
            found.append(stretch.part_of(part))
        if not batches and not reader.is_behind:
            break
    return found if digest % 2**64 == trace.digest else []


def _first(left: Counter[str], batch: Batch) -> Batch:
    """The first rows of a batch, so many of each key; which are counted down."""
    among = np.zeros(len(batch), bool)
    for key, places in places_by_key(batch).items():
        among[batch.rows[places[: max(left[key], 0)]]] = True
        left[key] -= len(places)
    return batch if among.all() else batch.only(among)
