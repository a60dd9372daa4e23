"""A run on the disk, and what it says."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from trainviz_cli.formats._format import Format
    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.diagnostic import Diagnostic
    from trainviz_cli.model.glance import Glance
    from trainviz_cli.model.run import Run
    from trainviz_cli.model.series import Series

GLANCE_BYTES = 1 << 14
_ONE_BLOCK = 1  # byte: a reader reads one block at least


class FoundRun(NamedTuple):
    """A run on the disk, not read yet.

    Attributes:
        name: Shortest trailing part of the path that no other run found with it shares.
        path: The run directory or log file.
        format: The log format it is in.
        log: What its reader follows.
        starts: Where MMEngine's `work_dir` is taken as one run: its starts, oldest first.
    """

    name: str
    path: Path
    format: Format
    log: Path
    starts: tuple[FoundRun, ...] = ()

    def read(self, *, strict: bool = False) -> Run:
        """The run as it is on the disk now.

        Args:
            strict: Let the first damage end it, instead of reading what can be read.

        Raises:
            UnreadableError: It can't be read at all, or `strict` met damage.
        """
        from trainviz_cli.model.batch import assemble
        from trainviz_cli.model.diagnostic import merge

        reader = RunReader(self)
        batches = reader.poll()
        log = reader.log
        notes = [note for batch in batches for note in batch.diagnostics]
        diagnostics = merge([*reader.remarks, *notes])
        damage = next((note for note in diagnostics if note.skipped), None)
        if strict and damage:
            place = "" if damage.offset is None else f", byte {damage.offset}"
            raise UnreadableError(
                f"{damage.path}{place}: {damage.message}",
                hint="without --strict, what can be read is read",
            )
        return self.as_run(assemble(batches), diagnostics, log)

    def as_run(
        self,
        series: Mapping[str, Series],
        diagnostics: tuple[Diagnostic, ...] = (),
        log: Path | None = None,
    ) -> Run:
        """The run with these series; pictures and the like are looked for when asked for.

        Args:
            series: Key → its samples.
            diagnostics: What was met while they were read.
            log: Beside which the run's config and pictures are; None is `self.log`.
        """
        from trainviz_cli.model.run import Run

        log = log or self.log
        return Run(
            name=self.name,
            path=self.path,
            format=self.format.name,
            series=series,
            diagnostics=diagnostics,
            list_images=lambda: self.format.images(log),
            list_texts=lambda: self.format.texts(log),
            list_histograms=lambda: self.format.histograms(log),
            load_config=lambda: self.format.config(log),
        )

    def glance(self, window: int = GLANCE_BYTES) -> Glance:
        """What the end of its log says; of the last start's, where there are several.

        Args:
            window: How much of the end to read, in bytes.

        Raises:
            UnreadableError: It can't be read at all, or is gone.
        """
        return self.format.glance(self.log, window)

    def __deepcopy__(self, memo: dict[int, object]) -> FoundRun:
        del memo
        return self


class RunReader:
    """Follows a run: all of its starts at first, then the newest one.

    A start continues the ones that began before its first step, and takes the place of the others:
    of all, where it begins again from the start. A deep copy goes on from where it was, by itself.

    Attributes:
        log: Where the run's config and pictures are: that of its newest start with data.
        remarks: What became of the starts.
        is_behind: The last poll left something unread that is already there.
    """

    def __init__(self, found: FoundRun) -> None:
        self.log = found.log
        self.remarks: list[Diagnostic] = []
        self.is_behind = False
        self._found = found
        self._starts: list[_Start] = []  # once they are joined, without those that are read
        self._are_joined = False
        self._number = 0  # of the first of them

    def __deepcopy__(self, memo: dict[int, object]) -> RunReader:
        twin = copy(self)
        twin.remarks = self.remarks.copy()
        vars(twin)["_starts"] = deepcopy(self._starts, memo)
        return twin

    @property
    def restarts(self) -> int:
        """How often a file of the starts that are not read to their end shrank or was replaced."""
        return sum(start.reader.restarts for start in self._starts)

    def poll(self, most: int | None = None) -> list[Batch]:
        """What came since the last poll, by start; a start waits until those before it are read.

        Args:
            most: About how many bytes of each file to read now, one block at least; None: all.
                There are no rows until each start has been read as far as its first one.

        Raises:
            UnreadableError: The run can't be read at all.
        """
        self.is_behind = False
        if not self._are_joined and not self._join(most):
            self.is_behind = True
            return []
        batches: list[Batch] = []
        while True:
            start = self._starts[0]
            try:
                batches += [from_start(batch, self._number) for batch in start.take(most)]
            except UnreadableError:
                if not batches:
                    raise
                self.is_behind = True  # the next poll says why
                break
            self.is_behind = start.reader.is_behind
            if self.is_behind and most is not None:
                break
            if not self.is_behind:
                if len(self._starts) == 1:
                    break
                self._number += 1 + start.restarts
                del self._starts[0]
        return batches

    def _join(self, most: int | None) -> bool:
        """Finds which starts continue one another; False while that can't be known yet."""
        from trainviz_cli.model.diagnostic import Diagnostic

        if not self._starts:
            self._starts = [_Start(found) for found in self._found.starts or (self._found,)]
        if not all(start.peek(most) for start in self._starts):
            return False
        begun: list[tuple[_Start, float]] = []
        left_out: list[str] = []
        for start in self._starts:
            first = start.first_step
            if first is None:
                continue
            while begun and first <= begun[-1][1]:
                left_out.append(begun.pop()[0].found.name)
            begun.append((start, first))
        joined = [start for start, _ in begun] or self._starts[:1]
        for start in self._starts:
            if start.first_step is None and start not in joined:
                self.remarks += start.diagnostics
        if left_out:
            names = ", ".join(sorted(left_out))
            message = f"starts that a later one began over are left out: {names}"
            self.remarks.append(Diagnostic(str(self._found.path), None, message))
        self.log, self._starts, self._are_joined = joined[-1].found.log, joined, True
        return True


class _Start:
    """A start of a run, and what was read of it before its turn.

    Attributes:
        restarts: How often its log was begun anew, as far as it was handed out.
    """

    def __init__(self, found: FoundRun) -> None:
        self.restarts = 0
        self.found = found
        self.reader = found.format.reader(found.log)
        self._held: tuple[Batch, ...] = ()

    @property
    def first_step(self) -> float | None:
        """That of its first row; None where there is none."""
        return next((batch.steps[0].item() for batch in self._held if len(batch)), None)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What could not be read, as far as it was read before its turn."""
        return [note for batch in self._held for note in batch.diagnostics]

    def peek(self, most: int | None) -> bool:
        """Reads on to its first row; whether that is known, or that there is none."""
        if not self._held or (self.first_step is None and self.reader.is_behind):
            batch = self.reader.poll(None if most is None else _ONE_BLOCK)
            self._held = (*self._held, batch)
        return self.first_step is not None or not self.reader.is_behind

    def take(self, most: int | None) -> Sequence[Batch]:
        """What was read before its turn, and what more there is by now."""
        batches = self._held
        if not batches or most is not None or self.reader.is_behind:
            batches = (*batches, self.reader.poll(most))
        self._held = ()
        for starts in (batch.starts for batch in batches if len(batch)):
            self.restarts = self.restarts if starts is None else int(starts[-1])
        return batches

    def __deepcopy__(self, memo: dict[int, object]) -> _Start:
        twin = copy(self)
        twin.reader = deepcopy(self.reader, memo)
        return twin


def from_start(batch: Batch, number: int) -> Batch:
    """The batch, its starts numbered on from this one."""
    from dataclasses import replace

    import numpy as np

    if not number:
        return batch
    # A log that was replaced since is one start more.
    starts = np.full(len(batch), number)
    return replace(batch, starts=starts if batch.starts is None else starts + batch.starts)
