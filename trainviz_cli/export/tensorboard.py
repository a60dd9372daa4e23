"""A run as a TensorBoard event file: everything in it, in its order."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.codecs import tfbuild
from trainviz_cli.codecs.tfscalars.encode import encode
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.export.older import after, find_older, new_name, remove_others
from trainviz_cli.imaging.picture import picture_bytes
from trainviz_cli.runs import RunReader
from trainviz_cli.writing.config_events import config_events
from trainviz_cli.writing.files import replacing, write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.run import Image
    from trainviz_cli.model.series import FloatArray, IntArray
    from trainviz_cli.runs import FoundRun


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
        self._reader = RunReader(found)
        self._start = 0
        self._time = 0.0  # of the last record
        self._pictures: set[tuple[str, int]] = set()
        self._notes: dict[str, None] = {}
        self._path = folder
        self._scalars = self._images = 0
        self._has_grown = False

    def write(self) -> Written:
        """Writes all there is now, in place of an older file of the run, or as its continuation.

        Raises:
            UnreadableError: The run can't be read, or holds nothing.
            WriteError: The file can't be written; an older one stays as it was.
        """
        batches = self._reader.poll()
        self._time = begin = self._begin(batches)
        if not any(map(len, batches)) and not self._found.format.images(self._reader.log):
            raise UnreadableError(f"{self._found.path} holds nothing that can be exported")
        head = tfbuild.file_version(begin) + self._config_records(begin)
        others = b"".join(self._other_records())
        older = find_older(self._folder, int(begin))
        if older and not others and older.is_continued_by(head, batches):
            self._path, self._pictures = older.path, older.pictures
            self._scalars, self._images = len(older.events.values), len(self._pictures)
            data = b"".join(self._records(after(batches, self._scalars)))
            if data:
                self._append(data)
        else:
            self._path = self._folder / new_name(self._folder, int(begin))
            with replacing(self._path) as file:
                self._has_grown = True
                file.write(head + others)
                for records in self._records(batches):
                    file.write(records)
        remove_others(self._path)
        return self._said()

    def update(self) -> Written | None:
        """Appends what came since; None where nothing did.

        Raises:
            UnreadableError: The run can't be read any more.
            WriteError: The file can't be written.
        """
        batches = self._reader.poll()
        if not any(map(len, batches)):
            return None
        self._append(b"".join(self._records(batches)))
        return self._said()

    def _records(self, batches: Sequence[Batch]) -> Iterator[bytes]:
        """The batches' values, some thousands at a time, then the pictures that are new."""
        for batch in batches:
            yield from self._scalar_records(batch)
        yield from self._image_records()

    def close(self) -> None:
        """Says in the file that the run is over, if anything was written.

        Raises:
            WriteError: The file can't be written.
        """
        if self._has_grown:
            self._append(tfbuild.hparams_end(self._time))

    def _append(self, data: bytes) -> None:
        self._has_grown = True
        with write_errors(self._path), self._path.open("ab") as file:
            file.write(data)

    def _note(self, message: str) -> None:
        self._notes[message] = None

    def _said(self) -> Written:
        return Written(self._path, self._scalars, self._images, tuple(self._notes))

    def _begin(self, batches: Sequence[Batch]) -> float:
        """When the run began, in unix seconds; without a clock, when its log was last changed."""
        known = [batch.wall_times for batch in batches if batch.wall_times is not None]
        times = [float(np.nanmin(column)) for column in known if not np.isnan(column).all()]
        return min(times, default=self._modified())

    def _modified(self) -> float:
        with suppress(OSError):
            return self._reader.log.stat().st_mtime
        return 0.0

    def _config_records(self, wall_time: float) -> bytes:
        """The configuration, to be read, and for the comparison of runs."""
        try:
            config = self._found.format.config(self._reader.log)
        except UnreadableError as error:
            self._note(error.message)
            return b""
        return config_events(config, wall_time) if config else b""

    def _scalar_records(self, batch: Batch) -> Iterator[bytes]:
        """The batch's values, some thousands at a time; a mark where a process began anew."""
        times = self._times(batch)
        steps: IntArray = np.rint(batch.steps).astype(np.int64)
        if (steps != batch.steps).any():
            self._note("fractional steps are rounded: TensorBoard has whole ones")
        starts = np.zeros(len(batch), np.int64) if batch.starts is None else batch.starts
        cuts = np.flatnonzero(np.diff(starts, prepend=self._start)).tolist()
        for begin, end in zip([0, *cuts], [*cuts, len(batch)], strict=True):
            here = slice(*np.searchsorted(batch.rows, [begin, end]).tolist())
            rows = batch.rows[here]
            if begin < end and starts[begin] != self._start:
                self._start = int(starts[begin])
                if len(rows):  # else it is in the file
                    yield tfbuild.session_start(float(times[begin]), int(steps[begin]))
            yield from encode(
                list(batch.keys), batch.codes[here], times[rows], steps[rows], batch.values[here]
            )
            self._scalars += len(rows)

    def _times(self, batch: Batch) -> FloatArray:
        """(N,) the wall time of each row, the last one known where it has none."""
        times = np.full(len(batch), np.nan) if batch.wall_times is None else batch.wall_times
        missing = np.isnan(times)
        if missing.any():
            self._note("no time is recorded, so that of the log's last change stands for it")
            known = np.maximum.accumulate(np.where(missing, -1, np.arange(len(times))))
            times = np.where(known >= 0, times[known], self._time)
        if len(times):
            self._time = float(times[-1])
        return times

    def _other_records(self) -> Iterator[bytes]:
        """Texts and distributions that the run's log holds."""
        for text in self._found.format.texts(self._reader.log):
            yield tfbuild.text(text, self._time)
        for histogram in self._found.format.histograms(self._reader.log):
            yield tfbuild.histogram(histogram, self._time)

    def _image_records(self) -> Iterator[bytes]:
        """The pictures that are not in the file yet, their bytes as they are."""
        for image in self._found.format.images(self._reader.log):
            if (image.name, image.step) in self._pictures:
                continue
            try:
                data = picture_bytes(image.path, image.offset, image.length)
            except (NotFoundError, UnreadableError) as error:
                self._note(error.message)
                continue
            self._pictures.add((image.name, image.step))
            self._images += 1
            yield tfbuild.image(image.name, image.step, self._time_of(image), data)

    def _time_of(self, image: Image) -> float:
        """When a picture was written, where it is a file of its own."""
        with suppress(OSError):
            return image.path.stat().st_mtime if image.length is None else self._time
        return self._time
