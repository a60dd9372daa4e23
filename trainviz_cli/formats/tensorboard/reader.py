"""A run's event files as batches of rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.codecs.growing import Numbering
from trainviz_cli.codecs.tfevents import EventFile
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.formats.tensorboard.folders import event_files
from trainviz_cli.model.batch import Batch, join
from trainviz_cli.model.diagnostic import Diagnostic, merge

if TYPE_CHECKING:
    from pathlib import Path

    from trainviz_cli.codecs.tfevents import Events
    from trainviz_cli.codecs.tfmessages import Extra
    from trainviz_cli.model.series import FloatArray, IntArray

_EPOCHS = frozenset({"epoch", "train/epoch"})  # Lightning's and Hugging Face's
_MOST_STARTS = 1 << 32  # of one folder


class TensorboardReader:
    """Follows the event files of one run; new ones join.

    Args:
        log: The folder of the files, or one file.
        keep_extras: Keep what is no scalar, for `extras`.

    Attributes:
        is_behind: The last poll left something unread that is already there.
    """

    def __init__(self, log: Path, *, keep_extras: bool = False) -> None:
        self.is_behind = False
        self._log = log
        self._keep_extras = keep_extras
        self._codes: Numbering[str] = Numbering()
        self._files: dict[Path, _File] = {}
        self._folders: dict[Path, _Starts] = {}
        self._told: set[str] = set()

    @property
    def restarts(self) -> int:
        """How often a file shrank or was replaced."""
        return sum(file.restarts for file in self._files.values())

    @property
    def extras(self) -> list[tuple[str, Extra]]:
        """Pictures, texts and the like that have been met, with the prefix of their file."""
        return [extra for file in self._files.values() for extra in file.extras]

    def poll(self, most: int | None = None) -> Batch:
        """The rows that came since the last poll; a file waits until those before it are read.

        Args:
            most: About how many bytes of each file to read now, one block at least; None: all.

        Raises:
            UnreadableError: Not one of the files can be read.
        """
        batches: list[Batch] = []
        problems: list[UnreadableError] = []
        self.is_behind = False
        for file in self._followed():
            try:
                batches.append(file.poll(self._codes, most))
            except UnreadableError as error:
                problems.append(error)
                continue
            self.is_behind = file.is_behind
            if self.is_behind:
                break
        if problems and not batches and not len(self._codes):
            raise problems[0]
        untold = [error.message for error in problems if error.message not in self._told]
        self._told.update(untold)
        notes = [Diagnostic(str(self._log), None, message, 1) for message in untold]
        keys = list(self._codes)
        table = join([Batch.empty(), *(replace(batch, keys=keys) for batch in batches)])
        return replace(table, keys=keys, diagnostics=merge([*notes, *table.diagnostics]))

    def _followed(self) -> list[_File]:
        """The run's files, in the order of their folders and their times."""
        try:
            found = event_files(self._log)
        except NotFoundError:  # about to be made again, perhaps
            found = []
        for prefix, path in found:
            if path not in self._files:
                number = len(self._folders)
                starts = self._folders.setdefault(path.parent, _Starts(number * _MOST_STARTS))
                self._files[path] = _File(path, prefix, starts, keep_extras=self._keep_extras)
        return [self._files[path] for _, path in found]


class _Starts:
    """Numbers the starts of the runs in one folder, as they begin."""

    def __init__(self, first: int) -> None:
        self._next = first

    def begin(self) -> int:
        self._next += 1
        return self._next - 1


class _Extras(list[tuple[str, "Extra"]]):
    """What a file holds besides scalars; a copy of the list shares it."""

    def __deepcopy__(self, memo: dict[int, object]) -> _Extras:
        del memo
        return _Extras(self)


class _File:
    """One event file, and where one is in it."""

    def __init__(self, path: Path, prefix: str, starts: _Starts, *, keep_extras: bool) -> None:
        self.extras = _Extras()
        self._keep_extras = keep_extras
        self._events = EventFile(path)
        self._prefix = prefix
        self._starts = starts
        self._start: int | None = None
        self.restarts = 0
        self._epoch = np.empty((0, 2))  # step and epoch, the last one known

    @property
    def is_behind(self) -> bool:
        return self._events.is_behind

    def poll(self, codes: Numbering[str], most: int | None) -> Batch:
        events = self._events.poll(most)
        if self.restarts != self._events.restarts:
            self.restarts, self._start = self._events.restarts, None
            self._epoch = self._epoch[:0]
            self.extras.clear()
        if self._keep_extras:
            self.extras += [(self._prefix, extra) for extra in events.extras]
        translation = np.array([codes[self._prefix + tag] for tag in events.tags], np.int32)
        return Batch(
            keys=(),
            codes=translation[events.codes] if len(events.codes) else events.codes,
            rows=events.rows,
            values=events.values,
            steps=events.steps,
            epochs=self._epochs(events),
            wall_times=events.wall_times,
            starts=self._number(events),
            diagnostics=events.diagnostics,
        )

    def _number(self, events: Events) -> IntArray:
        """(N,) which start of the run each event belongs to."""
        numbers = np.empty(len(events.steps), np.int64)
        cuts = [0, *events.sessions.tolist(), len(numbers)]
        for i, (begin, end) in enumerate(pairwise(cuts)):
            if i:
                self._start = None  # until there are rows, perhaps in a later poll
            if begin < end:
                self._start = self._starts.begin() if self._start is None else self._start
                numbers[begin:end] = self._start
        return numbers

    def _epochs(self, events: Events) -> FloatArray | None:
        """(N,) the epoch of each event, where the file logs it as a scalar."""
        codes = [code for code, tag in enumerate(events.tags) if tag in _EPOCHS]
        if not codes:
            return None
        here = np.isin(events.codes, codes)
        new = np.column_stack([events.steps[events.rows[here]], events.values[here]])
        known = np.concatenate([self._epoch, new])
        known = known[np.argsort(known[:, 0], kind="stable")]
        self._epoch = known[-1:]
        before = np.searchsorted(known[:, 0], events.steps, "right") - 1
        if not len(known):
            return np.full(len(events.steps), np.nan)
        return np.where(before >= 0, known[np.maximum(before, 0), 1], np.nan)
