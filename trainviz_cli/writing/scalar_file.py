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
    """

    def __init__(self, path: Path, fsync_every_s: float | None) -> None:
        self._records = AppendFile(path)
        self._times = AppendFile(path.with_suffix(".times"))
        if not self._records.size_at_open:  # the times of a file that is gone mean nothing
            self._times.truncate()
        self._fsync_every_s = float("inf") if fsync_every_s is None else fsync_every_s
        self._last = self._last_sync = time.time()
        self._next_stamp = 0.0
        self._stamped = True

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
            self._stamped = False
        self._last = now
        if now - self._last_sync >= self._fsync_every_s:
            self._records.sync()
            self._last_sync = now

    def _stamp(self, now: float, line_bytes: int) -> None:
        """Notes when the line just written was; after a silence, also when the one before it was.

        Without that, the one before would seem to lie in the middle of the silence.
        """
        end = self._records.position()
        stamps = _stamp_line(end, now)
        silent = now - self._last >= _SILENCE_S and not self._stamped
        if silent:
            stamps = _stamp_line(end - line_bytes, self._last) + stamps
        self._write_stamps(stamps)
        self._next_stamp = now + _STAMP_INTERVAL_S * (1 + silent)
        self._stamped = True

    def _write_stamps(self, stamps: bytes) -> None:
        with suppress(WriteError):  # the record itself is safe, and its time is not worth a failure
            self._times.append(stamps)

    def sync(self) -> None:
        """Notes the time of the last line, and waits until the disk has every line."""
        if not self._stamped:
            self._write_stamps(_stamp_line(self._records.position(), self._last))
            self._stamped = True
        self._records.sync()

    def close(self) -> None:
        """Gives both descriptors back."""
        self._records.close()
        self._times.close()


def _stamp_line(offset: int, unix_s: float) -> bytes:
    return b'{"offset": %d, "time": %.3f}\n' % (offset, unix_s)
