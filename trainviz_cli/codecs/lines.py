"""The lines of a file that may still be growing, each handed out once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.codecs.growing import GrowingFile, refuse_pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

_BLOCK_BYTES = 1 << 18
MAX_LINE_BYTES = 1 << 24

BOM = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Whole lines, one after the other.

    Attributes:
        offset: Where they begin in the file, in bytes.
        data: The lines; the last one may lack its newline.
    """

    offset: int
    data: bytes


class LineReader(GrowingFile):
    """Hands out the lines that came since it last looked.

    A line without its newline is half written: it waits, unless `is_whole` can tell from its bytes
    that nothing of it is missing.

    Args:
        path: The file; it may not exist yet.
        is_whole: Whether an end without a newline is a whole line all the same.
        follows_renamed: Read one that was replaced to its end, where it has another name now.

    Attributes:
        too_long: Offsets of lines over 16 MiB, which were passed over.
    """

    def __init__(
        self,
        path: Path,
        is_whole: Callable[[bytes], bool] = lambda _: False,
        *,
        follows_renamed: bool = True,
    ) -> None:
        super().__init__(path, follows_renamed=follows_renamed)
        self.too_long: list[int] = []
        self._is_whole = is_whole
        self._inside_long_line = False

    def poll(self, most: int | None = None) -> Iterator[Block]:
        """Blocks of about 256 KiB, as far as the file goes now.

        Args:
            most: After about how many bytes to leave the rest for the next poll; at least one
                block is read.

        Raises:
            UnreadableError: The file is a git-LFS pointer, or can't be opened.
        """
        restarts = self.restarts
        with self.opened() as file:
            self._inside_long_line &= restarts == self.restarts
            end = math.inf if most is None else self.offset + most
            while file and (block := self._read(file)):
                yield block
                if self.offset >= end:
                    self.leave_rest(file)
                    break

    def _read(self, file: BinaryIO) -> Block | None:
        """The next lines, or None when no whole line is left."""
        data = self._read_lines(file)
        if data is None:
            return None
        block = Block(self.offset, data)
        if block.offset == 0:
            block = self._open_first(block)
        self.advance(data)
        file.seek(self.offset)
        return block

    def _read_lines(self, file: BinaryIO) -> bytes | None:
        """Whole lines from `offset` on; none of them where a line is too long."""
        data = b""
        while chunk := file.read(_BLOCK_BYTES):
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                return self._end_long_line(data + chunk[: newline + 1])
            data += chunk
            if len(data) >= MAX_LINE_BYTES:
                self._begin_long_line(data)
                return b""
        if data and not self._inside_long_line and self._is_whole(data):
            return data
        return None

    def _begin_long_line(self, data: bytes) -> None:
        if not self._inside_long_line:
            self.too_long.append(self.offset)
        self._inside_long_line = True
        self.advance(data)

    def _end_long_line(self, data: bytes) -> bytes:
        """The data without the rest of a line that was too long."""
        if not self._inside_long_line:
            return data
        self._inside_long_line = False
        rest = data.index(b"\n") + 1
        self.advance(data[:rest])
        return data[rest:]

    def _open_first(self, block: Block) -> Block:
        refuse_pointer(self.path, block.data)
        # A byte order mark is blanked, so that offsets stay true.
        if block.data.startswith(BOM):
            return Block(0, b"   " + block.data[3:])
        return block
