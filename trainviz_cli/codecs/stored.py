"""Tensors where they lie in a file: what they are is known, their bytes are read when asked for."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from trainviz_cli.codecs.growing import READ_AT_ONCE
from trainviz_cli.errors import NotFoundError, RefusedError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

Fetch = Callable[[BinaryIO, int, int], bytearray]

# Bytes of an element, by the name that torch gives its type.
SIZES = {
    **dict.fromkeys(("bool", "uint8", "int8", "float8_e4m3fn", "float8_e5m2"), 1),
    **dict.fromkeys(("float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"), 1),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 2),
    **dict.fromkeys(("float32", "int32", "uint32", "complex32"), 4),
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 8),
    "complex128": 16,
}
MOST_DIMENSIONS = 64  # torch has no more
_LONGEST = 1 << 48  # of a dimension, stride or offset
_MOST_REPEATED = 1 << 24  # elements of a tensor that is larger than what it shows
_MOST_BYTES = 1 << 34  # of one tensor, at once


class Source(NamedTuple):
    """A file, and how it was when it was first opened.

    Attributes:
        path: The file.
        size: Its bytes.
        identity: Device, inode and time of change.
    """

    path: Path
    size: int
    identity: tuple[int, ...]

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The same file again.

        Raises:
            UnreadableError: It is another by now, can't be read, or is damaged.
        """
        with opened(self.path) as (file, source):
            if source != self:
                raise UnreadableError(f"{self.path} changed while it was being read")
            yield file


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, Source]]:
    """A regular file, and which one it is.

    What a codec finds wrong in it gets the file's name.

    Raises:
        NotFoundError: Nothing is there.
        UnreadableError: It is a folder or a device, can't be read, or is damaged.
        RefusedError: Reading it would be unsafe.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError(f"{path} is no regular file", hint="name a checkpoint file")
            identity = (status.st_dev, status.st_ino, status.st_mtime_ns)
            with _named(path):
                yield file, Source(path, status.st_size, identity)
    except IsADirectoryError:
        raise UnreadableError(f"{path} is a folder", hint="name a checkpoint file") from None
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: NUL in a name
        raise NotFoundError(f"no such file: {path}") from None
    except OSError as error:
        raise UnreadableError(f"can't read {path}: {error.strerror}") from None


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UnreadableError(f"{path} is damaged: {error}") from None
    except RefusedError as error:
        raise RefusedError(f"{path} is refused: {error.message}", hint=error.hint) from None


def read_at(file: BinaryIO, begin: int, count: int) -> bytearray:
    """So many bytes of a file, or as many as there are; the count must be known to be sane."""
    file.seek(begin)
    data = bytearray(max(0, count))
    del data[cast("BufferedReader", file).readinto(data) :]
    return data


def fetch_from(start: int) -> Fetch:
    """What reads bytes that are in the file as they are, from there on."""
    return lambda file, begin, end: read_at(file, start + begin, end - begin)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | READ_AT_ONCE)


class Storage:
    """Elements one after the other, which tensors show parts of.

    Args:
        source: The file.
        dtype: A name in `SIZES`; tensors may have another.
        length: Bytes.
        fetch: What reads some of the bytes: from where, up to where.
        is_big: Whether the first byte of a number is its highest.
        is_packed: Whether all before a byte must be read to have it.
    """

    __slots__ = ("dtype", "fetch", "is_big", "is_packed", "length", "source")

    def __init__(
        self,
        source: Source,
        dtype: str,
        length: int,
        fetch: Fetch | None = None,
        *,
        is_big: bool = False,
        is_packed: bool = False,
    ) -> None:
        self.source = source
        self.dtype = dtype
        self.length = length
        self.fetch = fetch
        self.is_big = is_big
        self.is_packed = is_packed

    def read(self, begin: int, end: int) -> bytearray:
        """These bytes, as they are.

        Raises:
            UnreadableError: They can't be read, or the file has changed.
        """
        with self.source.opened() as file:
            data = self.fetch(file, begin, end) if self.fetch else bytearray()
            if len(data) != end - begin:
                raise ValueError("it is cut off")
            return data


class StoredTensor:
    """A tensor in a file.

    Attributes:
        dtype: Its type, as torch calls it: "float32", "bfloat16".
        shape: Its dimensions.
        strides: How many elements of the storage are between neighbours in each dimension.
        offset: Which element of the storage is its first.
        storage: What it shows a part of; others may show the same.
    """

    __slots__ = ("dtype", "offset", "shape", "storage", "strides")

    def __init__(
        self,
        storage: Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        dtype: str | None = None,
    ) -> None:
        """Checks that it lies in its storage.

        Raises:
            ValueError: It doesn't, or it can't be meant.
            RefusedError: It would be unreasonably large.
        """
        self.storage = storage
        self.offset = offset
        self.shape = shape
        self.strides = strides
        self.dtype = dtype or storage.dtype
        self._check()

    @property
    def count(self) -> int:
        """Its elements."""
        return prod(self.shape)

    @property
    def span(self) -> int:
        """Elements of the storage from its first to its last."""
        if not self.count:
            return 0
        pairs = zip(self.shape, self.strides, strict=True)
        return 1 + sum((length - 1) * stride for length, stride in pairs)

    @property
    def cost(self) -> int:
        """Bytes that must be read, or that it would have in a file of its own if these are more."""
        before = self.offset if self.storage.is_packed else 0
        return max(before + self.span, self.count) * SIZES[self.dtype]

    def read(self) -> bytearray:
        """The bytes of its span, in this machine's order.

        Raises:
            UnreadableError: They can't be read, or the file has changed.
            RefusedError: They are too many.
        """
        size = SIZES[self.dtype]
        begin, length = self.offset * size, self.span * size
        if length > _MOST_BYTES:
            path = self.storage.source.path
            raise RefusedError(f"{path} is refused: a tensor of {length >> 30} GiB")
        data = self.storage.read(begin, begin + length) if length else bytearray()
        if self.storage.is_big != (sys.byteorder == "big"):
            _swap(data, size // 2 if self.dtype.startswith("complex") else size)
        return data

    def _check(self) -> None:
        sizes = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or len(self.shape) > MOST_DIMENSIONS:
            raise ValueError(f"a tensor of {len(self.shape)} dimensions is not as it should be")
        if not all(0 <= size < _LONGEST for size in sizes):
            raise ValueError("a tensor's shape or place is impossible")
        if (self.offset + self.span) * SIZES[self.dtype] > self.storage.length and self.count:
            raise ValueError("a tensor needs more than is stored of it")
        if self.count > max(self.span, _MOST_REPEATED):
            raise RefusedError("a tensor of far more elements than are stored of it")


def _swap(data: bytearray, width: int) -> None:
    """Turns each number of so many bytes round."""
    turned = [data[place::width] for place in range(width)]
    for place, part in enumerate(reversed(turned)):
        data[place::width] = part
