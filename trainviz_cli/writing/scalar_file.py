"""`scalars.json` and the side file that gives its lines a time."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from trainviz_cli.errors import WriteError
from trainviz_cli.writing.files import AppendFile

if TYPE_CHECKING:
    from pathlib import Path

_STAMP_INTERVAL_S = 0.1
_SILENCE_S = 1.0


class ScalarFile:
    """`scalars.json` and beside it `scalars.times`, which says when its bytes were written.

    Args:
        path: The JSON Lines file.
        fsync_every_s: Wait for the disk when so many seconds have passed since the last time.

    Raises:
        WriteError: The JSON Lines file can't be opened. Without the other one, lines have no time.
    """

    def __init__(self, path: Path, fsync_every_s: float | None) -> None:
        self._records = AppendFile(path)
        self._times: AppendFile | None = None
        with suppress(WriteError):  # a record is worth more than its time
            self._times = AppendFile(path.with_suffix(".times"))
            self._resume_times()
        self._fsync_every_s = fsync_every_s
        # Where this writer's last line ended, if it writes alone.
        self._end = self._records.size_at_open
        self._last = time.time()
        self._next_stamp = 0.0
        self._stamped = True

    def _resume_times(self) -> None:
        """Ends what a writer before this one noted, which may have been killed before it could."""
        if self._times is None:
            return
        if not self._records.size_at_open:  # the times of a file that is gone mean nothing
            self._times.truncate()
        elif self._times.size_at_open:
            size, modified = self._records.size_at_open, self._records.modified_at_open
            self._times.append(_stamp_line(size, modified))

    def append(self, line: bytes) -> None:
        """Writes one line, and its time if none was written in the last tenth of a second.

        Raises:
            WriteError: The line couldn't be written whole.
        """
        self._records.append(line)
        now = time.time()
        if now >= self._next_stamp or now < self._last:
            self._stamp(now, len(line))
        else:
            self._end += len(line)
            self._stamped = False
        self._last = now
        if self._fsync_every_s is not None:
            self._records.sync_if_due(self._fsync_every_s, now)

    def _stamp(self, now: float, line_bytes: int) -> None:
        """Notes when the line just written was; after a silence, also when the one before it was.

        Without that, the one before would seem to lie in the middle of the silence. Where another
        writer wrote since, the one before is not this writer's.
        """
        before, self._end = self._end, self._records.position()
        alone = before == self._end - line_bytes
        silent = now - self._last >= _SILENCE_S and not self._stamped and alone
        stamps = _stamp_line(before, self._last) if silent else b""
        self._write_stamps(stamps + _stamp_line(self._end, now))
        self._next_stamp = now + _STAMP_INTERVAL_S * (1 + silent)
        self._stamped = True

    def _write_stamps(self, stamps: bytes) -> None:
        if self._times:
            with suppress(WriteError):
                self._times.append(stamps)

    def sync(self) -> None:
        """Notes the time of the last line, and waits until the disk has every line."""
        if not self._stamped and self._records.position() == self._end:
            self._write_stamps(_stamp_line(self._end, self._last))
            self._stamped = True
        self._records.sync()

    def close(self) -> None:
        """Gives both descriptors back."""
        self._records.close()
        if self._times:
            self._times.close()


def _stamp_line(offset: int, unix_s: float) -> bytes:
    return b'{"offset": %d, "time": %.3f}\n' % (offset, unix_s)
