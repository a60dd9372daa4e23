"""A run as a TensorBoard event file: everything in it, in its order."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.codecs import tfbuild
from trainviz_cli.codecs.growing import refuse_pointer
from trainviz_cli.codecs.tfscalars.encode import encode
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.export.older import (
    after,
    find_older,
    foreign_in,
    new_name,
    remove_others,
    starts_in,
    whole,
)
from trainviz_cli.imaging.picture import picture_bytes
from trainviz_cli.model.run import Histogram
from trainviz_cli.runs import RunReader
from trainviz_cli.writing.config_events import config_events, hparams_event
from trainviz_cli.writing.files import replacing, write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trainviz_cli.export.older import Older
    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.run import Image, Text
    from trainviz_cli.model.series import FloatArray, IntArray
    from trainviz_cli.runs import FoundRun

_STEPS = 1 << 63
_ROUNDED = "fractional steps are rounded: TensorBoard has whole ones"
_LATEST = 1e11  # unix seconds: what is beyond was no clock's
_WRITING_S = 2.0  # how long ago half a picture was changed that may still become whole
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


class Written(NamedTuple):
    """What is in the event file by now.

    Attributes:
        path: The file.
        scalars: How many values.
        images: How many pictures.
        notes: What a reader of the file must know.
    """

    path: Path
    scalars: int
    images: int
    notes: tuple[str, ...] = ()


class TensorboardExport:
    """Writes a run as an event file, and keeps up with it while it grows.

    Args:
        found: The run.
        folder: Where the file goes; made with its parents.
    """

    def __init__(self, found: FoundRun, folder: Path) -> None:
        self._found = found
        self._folder = folder
        self._notes: dict[str, None] = {}
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Forgets what is written."""
        self._reader = RunReader(self._found)
        # At the start of a session TensorBoard drops what it has of others.
        self._is_alone = not foreign_in(self._folder)
        self._begun: set[int] = set()  # starts with values in the file
        self._highest: dict[str, int] = {}  # key → its highest step, where starts may overlap
        self._time = 0.0  # of the last record
        self._pictures: Counter[tuple[str, int]] = Counter()
        self._path = self._folder
        self._begin, self._head_written = 0.0, b""
        self._scalars = self._images = 0
        self._has_grown = False

    def write(self) -> Written:
        """Writes all there is now, in place of an older file of the run, or as its continuation.

        Raises:
            UnreadableError: The run can't be read, or holds nothing.
            WriteError: The file can't be written; an older one stays as it was.
        """
        batches = self._reader.poll()
        images = self._found.format.images(self._reader.log)
        others = self._others()
        if not any(map(len, batches)) and not images and not others:
            raise UnreadableError(f"{self._found.path} holds nothing that can be exported")
        recorded = _first_time(batches)
        self._time = self._modified() if recorded is None else recorded
        older = find_older(self._folder, None if recorded is None else int(recorded))
        # Without a clock, the time of the log's change when it was first exported.
        begin = float(older.begin) if older and recorded is None else self._time
        head = self._head(begin, others)
        if older and older.is_continued_by(head, batches) and older.shows(images):
            self._continue(older, batches)
        else:
            begin = float(int(self._time)) if recorded is None else recorded
            head = self._head(begin, others)
            self._path = self._folder / new_name(self._folder, int(begin))
            with replacing(self._path) as file:
                self._has_grown = True
                file.write(head)
                for records in self._records(batches):
                    file.write(records)
        self._begin, self._head_written = begin, head
        remove_others(self._path)
        self._note_diagnostics(batches)
        return self._said()

    def _note_diagnostics(self, batches: Sequence[Batch]) -> None:
        """What was assumed when the run was read, and how much of it was skipped."""
        skipped = 0
        for each in (
            *self._reader.remarks,
            *(note for batch in batches for note in batch.diagnostics),
        ):
            skipped += each.skipped
            if not each.skipped:
                self._note(each.message)
        if skipped:
            self._note(
                f"skipped {skipped} {'line or value' if skipped == 1 else 'lines or values'}"
            )

    def _continue(self, older: Older, batches: Sequence[Batch]) -> None:
        self._path, self._pictures = older.path, older.pictures
        self._scalars, self._images = len(older.events.values), self._pictures.total()
        self._begun = starts_in(batches, self._scalars)
        data = b"".join(self._records(after(batches, self._scalars)))
        if data:
            self._append(data)

    def update(self) -> Written | None:
        """Appends what came since; None where nothing did.

        Raises:
            UnreadableError: The run can't be read any more.
            WriteError: The file can't be written.
        """
        batches = self._reader.poll()
        if not any(map(len, batches)):
            return None
        if not self._path.exists():  # somebody removed it
            self._begin_anew()
            return self.write()
        self._append(b"".join(self._records(batches)))
        return self._said()

    def _records(self, batches: Sequence[Batch]) -> Iterator[bytes]:
        """The batches' values, some thousands at a time, then the pictures that are new."""
        for batch in batches:
            yield from self._scalar_records(batch)
        yield from self._image_records(last=False)

    def close(self) -> Written:
        """Adds what came last, and says in the file that the run is over, if it has grown.

        Raises:
            WriteError: The file can't be written.
        """
        is_there = self._reader.log.exists()
        if is_there and self._head_written != self._head(self._begin, self._others()):
            with suppress(UnreadableError):  # its texts or its configuration came later
                anew = TensorboardExport(self._found, self._folder)
                anew.write()
                return anew.close()
        data = b"".join(self._image_records(last=True))
        if data or self._has_grown:
            self._append(data + tfbuild.hparams_end(self._time))
        return self._said()

    def _append(self, data: bytes) -> None:
        self._has_grown = True
        with write_errors(self._path), self._path.open("ab") as file:
            file.write(data)

    def _note(self, message: str) -> None:
        self._notes[message] = None

    def _said(self) -> Written:
        return Written(self._path, self._scalars, self._images, tuple(self._notes))

    def _modified(self) -> float:
        """When its log was last changed."""
        with suppress(OSError):
            return self._reader.log.stat().st_mtime
        return 0.0

    def _others(self) -> tuple[Text | Histogram, ...]:
        """Texts and distributions that the run's log holds."""
        return (
            *self._found.format.texts(self._reader.log),
            *self._found.format.histograms(self._reader.log),
        )

    def _head(self, begin: float, others: Sequence[Text | Histogram]) -> bytes:
        """What stands before the values: version, start, configuration, texts, distributions.

        A running TensorBoard that has read an older file drops what it has of it at the start.
        """
        return b"".join(
            [
                tfbuild.file_version(begin),
                tfbuild.session_start(begin, 0) if self._is_alone else b"",
                self._config_records(begin, others),
                *(_other_record(each, begin) for each in others),
            ]
        )

    def _config_records(self, wall_time: float, others: Sequence[Text | Histogram]) -> bytes:
        """The configuration, to be read, and for the comparison of runs."""
        try:
            config = self._found.format.config(self._reader.log)
        except UnreadableError as error:
            self._note(error.message)
            return b""
        if not config:
            return b""
        has_text = any(each.name == "config" for each in others)
        return (hparams_event if has_text else config_events)(config, wall_time)

    def _scalar_records(self, batch: Batch) -> Iterator[bytes]:
        """The batch's values, some thousands at a time; a mark where a process began anew."""
        times = self._times(batch)
        steps = whole(batch.steps)
        if (steps != batch.steps).any():
            self._note(_ROUNDED)
        starts = np.zeros(len(batch), np.int64) if batch.starts is None else batch.starts
        cuts = (np.flatnonzero(starts[1:] != starts[:-1]) + 1).tolist()
        for begin, end in zip([0, *cuts], [*cuts, len(batch)], strict=True):
            here = slice(*np.searchsorted(batch.rows, [begin, end]).tolist())
            rows = batch.rows[here]
            if not len(rows):
                continue
            start, step = int(starts[begin]), int(steps[begin])
            highest = self._highest_steps(batch, here, steps)
            if self._begun and start not in self._begun and self._may_drop(step, highest):
                yield tfbuild.session_start(float(times[begin]), step)
            self._begun.add(start)
            for key, last in highest.items():
                self._highest[key] = max(last, self._highest.get(key, last))
            yield from encode(
                list(batch.keys), batch.codes[here], times[rows], steps[rows], batch.values[here]
            )
            self._scalars += len(rows)

    def _highest_steps(self, batch: Batch, here: slice, steps: IntArray) -> dict[str, int]:
        """The highest step of each key in these values, where it must be known."""
        if self._found.format.name != "tensorboard":
            return {}
        codes = batch.codes[here]
        highest = np.full(len(batch.keys), np.iinfo(np.int64).min)
        np.maximum.at(highest, codes, steps[batch.rows[here]])
        return {batch.keys[code]: int(highest[code]) for code in np.unique(codes).tolist()}

    def _may_drop(self, step: int, new: dict[str, int]) -> bool:
        """Whether nothing is lost when TensorBoard drops all from this step on.

        The starts of a run of event files are its files, some of which were written side by side.
        """
        return self._is_alone and all(
            last < step or key in new for key, last in self._highest.items()
        )

    def _times(self, batch: Batch) -> FloatArray:
        """(N,) the wall time of each row, the last one known where it has none."""
        times = np.full(len(batch), np.nan) if batch.wall_times is None else batch.wall_times
        missing = ~(np.abs(times) < _LATEST)
        if missing.any():
            self._note("no time is recorded, so that of the log's last change stands for it")
            known = np.maximum.accumulate(np.where(missing, -1, np.arange(len(times))))
            times = np.where(known >= 0, times[known], self._time)
        if len(times):
            self._time = float(times[-1])
        return times

    def _image_records(self, *, last: bool) -> Iterator[bytes]:
        """The pictures that are not in the file yet, their bytes as they are.

        Args:
            last: Also those that seem to be half written.
        """
        met: Counter[tuple[str, int]] = Counter()
        for image in self._found.format.images(self._reader.log):
            name = image.name.encode("utf-8", "replace").decode()
            met[name, image.step] += 1
            if met[name, image.step] <= self._pictures[name, image.step]:
                continue
            try:
                data = picture_bytes(image.path, image.offset, image.length)
                refuse_pointer(image.path, data)
            except (NotFoundError, UnreadableError) as error:
                self._note(error.message)
                continue
            at = self._time_of(image)
            if not last and not _is_whole(data) and 0 <= time.time() - at < _WRITING_S:
                continue
            self._pictures[name, image.step] += 1
            self._images += 1
            step = min(max(image.step, -_STEPS), _STEPS - 1)
            if step != image.step:
                self._note(_ROUNDED)
            yield tfbuild.image(name, step, at, data)

    def _time_of(self, image: Image) -> float:
        """When a picture was written, where it is a file of its own."""
        with suppress(OSError):
            return image.path.stat().st_mtime if image.length is None else self._time
        return self._time


def _other_record(each: Text | Histogram, wall_time: float) -> bytes:
    if isinstance(each, Histogram):
        return tfbuild.histogram(each, wall_time)
    return tfbuild.text(each, wall_time)


def _first_time(batches: Sequence[Batch]) -> float | None:
    """When the run began, in unix seconds; None without a clock."""
    columns = [batch.wall_times for batch in batches if batch.wall_times is not None]
    known = [column[np.abs(column) < _LATEST] for column in columns]
    return min((float(column.min()) for column in known if len(column)), default=None)


def _is_whole(data: bytes) -> bool:
    """Whether nothing of a PNG seems to be missing."""
    return data.endswith(_PNG_END) if data.startswith(_PNG) else bool(data)
