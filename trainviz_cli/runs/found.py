"""A run on the disk, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.errors import UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

    from trainviz_cli.formats._format import Format, Reader
    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.diagnostic import Diagnostic
    from trainviz_cli.model.glance import Glance
    from trainviz_cli.model.run import Run

GLANCE_BYTES = 1 << 14


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
        from trainviz_cli.model.run import Run

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
        return Run(
            name=self.name,
            path=self.path,
            format=self.format.name,
            series=assemble(batches),
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


class RunReader:
    """Follows a run: all of its starts at first, then the newest one.

    A start continues the ones that began before its first step, and takes the place of the others:
    of all, where it begins again from the start.

    Attributes:
        log: Where the run's config and pictures are: that of its newest start with data.
        remarks: What became of the starts.
    """

    def __init__(self, found: FoundRun) -> None:
        self.log = found.log
        self.remarks: list[Diagnostic] = []
        self._found = found
        self._newest: Reader | None = None
        self._number = 0

    def poll(self) -> list[Batch]:
        """What came since the last poll, by start.

        Raises:
            UnreadableError: The run can't be read at all.
        """
        if self._newest is None:
            return self._read_starts()
        return [_from_start(self._newest.poll(), self._number)]

    def _read_starts(self) -> list[Batch]:
        from trainviz_cli.model.diagnostic import Diagnostic

        joined: list[tuple[FoundRun, Reader, Batch]] = []
        left_out: list[str] = []
        for start in self._found.starts or (self._found,):
            reader = start.format.reader(start.log)
            batch = reader.poll()
            if joined and not len(batch):
                self.remarks += batch.diagnostics
                continue
            if joined and not len(joined[-1][2]):
                self.remarks += joined.pop()[2].diagnostics
            while joined and batch.steps[0] <= joined[-1][2].steps[0]:
                left_out.append(joined.pop()[0].name)
            joined.append((start, reader, batch))
        if left_out:
            names = ", ".join(sorted(left_out))
            message = f"starts that a later one began over are left out: {names}"
            self.remarks.append(Diagnostic(str(self._found.path), None, message))
        self.log, self._newest, self._number = joined[-1][0].log, joined[-1][1], len(joined) - 1
        return [_from_start(batch, number) for number, (_, _, batch) in enumerate(joined)]


def _from_start(batch: Batch, number: int) -> Batch:
    """The batch, as rows of this start of the run."""
    from dataclasses import replace

    import numpy as np

    if not number:
        return batch
    # A log that was replaced since is one start more.
    starts = np.full(len(batch), number)
    return replace(batch, starts=starts if batch.starts is None else starts + batch.starts)
