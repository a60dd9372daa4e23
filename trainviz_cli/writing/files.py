"""How bytes reach the disk, so that no reader, killed process or second writer breaks them."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from trainviz_cli.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

# Windows would translate newlines without O_BINARY.
_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


class AppendFile:
    """A file that grows by whole records: each is one write(2) to an append-mode descriptor.

    On POSIX the kernel places each write at the end, so threads, forked children and other
    processes may append to the same file; on Windows, threads only. Nothing is buffered here: a
    killed process loses nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = -1
        self._last_sync = time.time()
        with write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.descriptor = os.open(path, _APPEND, 0o666)
            status = os.fstat(self.descriptor)
            self.size_at_open, self.modified_at_open = status.st_size, status.st_mtime
            self._torn = self.size_at_open > 0 and not self._ends_a_line()

    def _ends_a_line(self) -> bool:
        size = os.lseek(self.descriptor, 0, os.SEEK_END)
        os.lseek(self.descriptor, max(size - 1, 0), os.SEEK_SET)
        return os.read(self.descriptor, 1) in {b"\n", b""}

    def append(self, record: bytes) -> None:
        """Writes one record, which must end with a newline.

        After half a record (a full disk, a writer that was killed) the next begins on a new line,
        so that a reader loses only the torn one.

        Raises:
            WriteError: It couldn't be written whole.
        """
        try:
            if self._torn and not self._ends_a_line():  # another writer may have gone on meanwhile
                record = b"\n" + record
            written = os.write(self.descriptor, record)
            if written != len(record):
                self._finish(record, written)
            self._torn = False
        except OSError as error:
            raise _write_error(self.path, error) from error

    def _finish(self, record: bytes, written: int) -> None:
        """Writes the rest of a record that the system took only in part."""
        self._torn = True
        while written < len(record):
            written += os.write(self.descriptor, record[written:])

    def position(self) -> int:
        """Where this descriptor's last write ended, in bytes."""
        return os.lseek(self.descriptor, 0, os.SEEK_CUR)

    def truncate(self) -> None:
        """Empties the file."""
        with write_errors(self.path):
            os.ftruncate(self.descriptor, 0)
        self._torn = False

    def sync(self) -> None:
        """Waits until the disk has it all."""
        with write_errors(self.path):
            os.fsync(self.descriptor)

    def sync_if_due(self, every_s: float, now: float) -> None:
        """Waits for the disk if it is `every_s` since the last time, by a clock set back or not."""
        self._last_sync = min(self._last_sync, now)
        if now - self._last_sync >= every_s:
            self.sync()
            self._last_sync = now

    def close(self) -> None:
        """Gives the descriptor back; so does forgetting the file."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)

    __del__ = close


def replace_file(path: Path, content: bytes) -> None:
    """Writes a whole file at once: a reader sees the old one or the new one, never half.

    Raises:
        WriteError: It couldn't be written; an older file stays as it was.
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of another when all of it is written.

    Raises:
        WriteError: It couldn't be written; an older file stays as it was.
    """
    # A name of its own for each writer, and short whatever the file is called.
    draft = path.with_name(f".{os.urandom(8).hex()}.draft")
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("wb") as file:
                yield file
            draft.replace(path)
        except BaseException:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turns an `OSError` into one that names the file and the cure."""
    try:
        yield
    except OSError as error:
        raise _write_error(path, error) from error


def _write_error(path: Path, error: OSError) -> WriteError:
    reason = error.strerror or type(error).__name__
    failure = WriteError(
        f"can't write {path}: {reason}",
        hint="free the disk or the folder; what was logged before is safe",
    )
    failure.errno, failure.filename = error.errno, str(path)
    return failure
