"""The lines of a file that may still be growing, each handed out once."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

# Bytes as they are, and without waiting for whoever might write to a pipe.
READ_AT_ONCE = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_BLOCK_BYTES = 1 << 18
MAX_LINE_BYTES = 1 << 24

_GONE = (-1, -1)
_LFS_MAGIC = b"version https://git-lfs"
_TAIL_BYTES = 64
BOM = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Whole lines, one after the other.

    Attributes:
        offset: Where they begin in the file, in bytes.
        data: The lines; the last one may lack its newline.
    """

    offset: int
    data: bytes


class LineReader:
    """Hands out the lines that came since it last looked.

    A line without its newline is half written: it waits, unless `is_whole` can tell from its bytes
    that nothing of it is missing. A file that shrank or was replaced is read from its beginning.

    Args:
        path: The file; it may not exist yet.
        is_whole: Whether an end without a newline is a whole line all the same.

    Attributes:
        offset: Everything before this byte has been handed out.
        too_long: Offsets of lines over 16 MiB, which were passed over.
        restarts: How often the file shrank or was replaced.
    """

    def __init__(self, path: Path, is_whole: Callable[[bytes], bool] = lambda _: False) -> None:
        self.path = path
        self.offset = 0
        self.too_long: list[int] = []
        self.restarts = 0
        self._is_whole = is_whole
        self._identity: tuple[int, int] | None = None
        self._inside_long_line = False
        self._tail = b""  # the last bytes before `offset`; they tell a file begun anew

    def poll(self) -> Iterator[Block]:
        """Blocks of about 256 KiB, as far as the file goes now.

        Raises:
            UnreadableError: The file is a git-LFS pointer, or can't be opened.
        """
        try:
            with open(self.path, "rb", buffering=0, opener=_open_at_once) as file:
                self._rewind_if_new(file)
                while block := self._read(file):
                    yield block
        except FileNotFoundError:
            self._identity = self._identity and _GONE  # about to be made again, perhaps
            return
        except OSError as error:
            raise UnreadableError(f"can't read {self.path}: {error.strerror}") from error

    def _rewind_if_new(self, file: BinaryIO) -> None:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError(f"{self.path} is no regular file", hint="name a log file")
        identity = (status.st_dev, status.st_ino)
        if self._identity not in {None, identity} or not self._continues(file):
            self.offset = 0
            self._tail = b""
            self._inside_long_line = False
            self.restarts += 1
        self._identity = identity
        file.seek(self.offset)

    def _continues(self, file: BinaryIO) -> bool:
        """Whether what was handed out is still there."""
        file.seek(self.offset - len(self._tail))
        return file.read(len(self._tail)) == self._tail

    def _advance(self, data: bytes) -> None:
        self.offset += len(data)
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def _read(self, file: BinaryIO) -> Block | None:
        """The next lines, or None when no whole line is left."""
        data = self._read_lines(file)
        if data is None:
            return None
        block = Block(self.offset, data)
        if block.offset == 0:
            block = self._open_first(block)
        self._advance(data)
        file.seek(self.offset)
        return block

    def _read_lines(self, file: BinaryIO) -> bytes | None:
        data = b""
        while chunk := file.read(_BLOCK_BYTES):
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                return self._end_long_line(data + chunk[: newline + 1])
            data += chunk
            if len(data) >= MAX_LINE_BYTES:
                self._begin_long_line(data)
                data = b""
        if data and not self._inside_long_line and self._is_whole(data):
            return data
        return None

    def _begin_long_line(self, data: bytes) -> None:
        if not self._inside_long_line:
            self.too_long.append(self.offset)
        self._inside_long_line = True
        self._advance(data)

    def _end_long_line(self, data: bytes) -> bytes:
        """The data without the rest of a line that was too long."""
        if not self._inside_long_line:
            return data
        self._inside_long_line = False
        rest = data.index(b"\n") + 1
        self._advance(data[:rest])
        return data[rest:]

    def _open_first(self, block: Block) -> Block:
        refuse_pointer(self.path, block.data)
        # A byte order mark is blanked, so that offsets stay true.
        if block.data.startswith(BOM):
            return Block(0, b"   " + block.data[3:])
        return block


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
