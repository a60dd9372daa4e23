"""A file that may still be growing, shrink, or be replaced, read from where one was."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Self, TypeVar

from trainviz_cli.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator
    from pathlib import Path
    from typing import BinaryIO

Name = TypeVar("Name", bound="Hashable")

# Bytes as they are, and without waiting for whoever might write to a pipe.
READ_AT_ONCE = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_LEFT = (-1, -1)  # no file: it has been read to its end under another name
_LFS_MAGIC = b"version https://git-lfs"
_TAIL_BYTES = 64
_HALF_AN_END = 1 << 16  # bytes at most


class GrowingFile:
    """Where one is in a file. One that shrank or was replaced is read from its beginning.

    A log that is rotated is renamed, and a new one made in its place. What came in between is read
    first, if the old one lies beside the new one.

    Args:
        path: The file; it may not exist yet.
        follows_renamed: Read one that was replaced to its end, where it has another name now.

    Attributes:
        path: The file.
        offset: Everything before this byte has been read.
        restarts: How often the file shrank or was replaced.
        is_behind: The last look left something unread that is already there.
        has_moved: The last look was at the end of a file that has another name now.
    """

    def __init__(self, path: Path, *, follows_renamed: bool = True) -> None:
        self.path = path
        self.offset = 0
        self.restarts = 0
        self.is_behind = False
        self.has_moved = False
        self._follows_renamed = follows_renamed
        self._identity: tuple[int, int] | None = None
        self._is_gone = False
        self._seen: tuple[int, ...] | None = None  # device, inode, size and time of change
        self._tail = b""  # the last bytes before `offset`; they tell a file begun anew

    @contextmanager
    def opened(self) -> Iterator[BinaryIO | None]:
        """The file, at `offset`; None where there is none, or it is as it was and all is read.

        Raises:
            UnreadableError: It can't be opened or read.
        """
        if self._is_as_it_was() and not self.is_behind:
            yield None
            return
        self.is_behind = self.has_moved = False
        try:
            file = open(self.path, "rb", buffering=0, opener=_open_at_once)  # noqa: SIM115 - below
        except FileNotFoundError:
            self._is_gone = self._identity is not None  # about to be made again, perhaps
            with self._find_renamed(None) or nullcontext() as old:
                self.has_moved = old is not None
                yield old
            return
        except OSError as error:
            self._seen = None
            raise UnreadableError(f"can't read {self.path}: {error.strerror}") from error
        with file:
            try:
                identity = self._identity_of(file)
                if old := self._find_renamed(identity):
                    with old, self._leaving():
                        yield old
                else:
                    self._rewind_if_new(file, identity)
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
        # On a network's disk the size may be there before the bytes are.
        has_half_an_end = 0 < status.st_size - self.offset < _HALF_AN_END
        return before == self._seen and not has_half_an_end

    def advance(self, data: bytes) -> None:
        """Notes that this has been read from `offset` on."""
        self.offset += len(data)
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """A reader that goes on from here by itself; attributes that change in place are copied."""
        twin = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, (list, dict)):
                setattr(twin, name, deepcopy(value, memo))
        return twin

    def leave_rest(self, file: BinaryIO) -> None:
        """Notes that the next look goes on at `offset`, whether or not the file is touched."""
        self.is_behind = os.fstat(file.fileno()).st_size > self.offset

    def _identity_of(self, file: BinaryIO) -> tuple[int, int]:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError(f"{self.path} is no regular file", hint="name a log file")
        return status.st_dev, status.st_ino

    def _rewind_if_new(self, file: BinaryIO, identity: tuple[int, int]) -> None:
        is_other = self._is_gone or self._identity not in {None, identity}
        if is_other or not self._continues(file):
            self.offset = 0
            self._tail = b""
            self.restarts += 1
        self._identity, self._is_gone = identity, False
        file.seek(self.offset)

    def _continues(self, file: BinaryIO) -> bool:
        """Whether what was read is still there."""
        file.seek(self.offset - len(self._tail))
        return file.read(len(self._tail)) == self._tail

    def _find_renamed(self, identity: tuple[int, int] | None) -> BinaryIO | None:
        """The file read so far, at `offset`, where this or none took its place and it goes on."""
        old = self._identity
        if old is None or old in {_LEFT, identity} or not self._follows_renamed:
            return None
        if not self._tail:  # an inode alone would not tell it from a file made since
            return None
        with suppress(OSError, UnreadableError), ExitStack() as stack:
            with os.scandir(self.path.parent) as entries:
                path = next((entry.path for entry in entries if entry.inode() == old[1]), None)
            if path is not None:
                file = open(path, "rb", buffering=0, opener=_open_at_once)  # noqa: SIM115
                stack.enter_context(file)
                goes_on = os.fstat(file.fileno()).st_size > self.offset
                if goes_on and self._identity_of(file) == old and self._continues(file):
                    stack.pop_all()
                    return file
        return None

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        """Lets a file be read under another name: once to its end, then what took its place."""
        old, self._identity = self._identity, _LEFT
        self._seen, self.has_moved = None, True
        yield
        if self.is_behind:
            self._identity = old
        self.is_behind = True


class Numbering(dict[Name, int]):
    """Numbers names as they are first asked for; a number keeps its meaning over all polls."""

    def __missing__(self, name: Name) -> int:
        number = self[name] = len(self)
        return number

    def __deepcopy__(self, memo: dict[int, object]) -> Numbering[Name]:
        del memo
        return Numbering(self)


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
