"""A file that may still be growing, shrink, or be replaced, read from where one was."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trainviz_cli.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

# Bytes as they are, and without waiting for whoever might write to a pipe.
READ_AT_ONCE = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_GONE = (-1, -1)
_LFS_MAGIC = b"version https://git-lfs"
_TAIL_BYTES = 64


class GrowingFile:
    """Where one is in a file. One that shrank or was replaced is read from its beginning.

    Args:
        path: The file; it may not exist yet.

    Attributes:
        path: The file.
        offset: Everything before this byte has been read.
        restarts: How often the file shrank or was replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.restarts = 0
        self._identity: tuple[int, int] | None = None
        self._seen: tuple[int, ...] | None = None  # device, inode, size and time of change
        self._tail = b""  # the last bytes before `offset`; they tell a file begun anew

    @contextmanager
    def opened(self) -> Iterator[BinaryIO | None]:
        """The file, at `offset`; None where there is none, or it is as it was.

        Raises:
            UnreadableError: It can't be opened or read.
        """
        if self._is_as_it_was():
            yield None
            return
        try:
            file = open(self.path, "rb", buffering=0, opener=_open_at_once)  # noqa: SIM115 - below
        except FileNotFoundError:
            self._identity = self._identity and _GONE  # about to be made again, perhaps
            yield None
            return
        except OSError as error:
            self._seen = None
            raise UnreadableError(f"can't read {self.path}: {error.strerror}") from error
        with file:
            try:
                self._rewind_if_new(file)
                yield file
            except UnreadableError:
                self._seen = None
                raise
            except OSError as error:
                self._seen = None
                raise UnreadableError(f"can't read {self.path}: {error.strerror}") from error

    def _is_as_it_was(self) -> bool:
        """Whether nobody has touched the file since it was last opened."""
        before = self._seen
        try:
            status = os.stat(self.path)  # noqa: PTH116 - asked several times a second
        except (OSError, ValueError):
            self._seen = None
            return False
        self._seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        return before == self._seen

    def advance(self, data: bytes) -> None:
        """Notes that this has been read from `offset` on."""
        self.offset += len(data)
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def _rewind_if_new(self, file: BinaryIO) -> None:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError(f"{self.path} is no regular file", hint="name a log file")
        identity = (status.st_dev, status.st_ino)
        if self._identity not in {None, identity} or not self._continues(file):
            self.offset = 0
            self._tail = b""
            self.restarts += 1
        self._identity = identity
        file.seek(self.offset)

    def _continues(self, file: BinaryIO) -> bool:
        """Whether what was read is still there."""
        file.seek(self.offset - len(self._tail))
        return file.read(len(self._tail)) == self._tail


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | READ_AT_ONCE)


def refuse_pointer(path: Path, head: bytes) -> None:
    """Lets a file pass unless it is what git-LFS leaves in place of one.

    Raises:
        UnreadableError: It is.
    """
    if head.startswith(_LFS_MAGIC):
        raise UnreadableError(
            f"{path} is a git-LFS pointer, not the file itself", hint="git lfs pull"
        )
