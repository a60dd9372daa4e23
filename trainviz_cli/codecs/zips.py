"""What is in a zip file, as far as checkpoints are zip files: stored or deflated, found by name.

Nothing is ever unpacked to the disk, and names are only compared; so a name is free to be odd.
Two members of one name, or two in the same place, have no honest use and are refused.
Source: PKWARE's APPNOTE.TXT, 4.3 and 4.5.3.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.codecs.stored import read_at
from trainviz_cli.errors import RefusedError

if TYPE_CHECKING:
    from typing import BinaryIO

MAGIC = b"PK\3\4"
_END = struct.Struct("<4s4H2LH")  # the end of the directory
_END_MAGIC = b"PK\5\6"
_LONGEST_COMMENT = (1 << 16) - 1
_LOCATOR = struct.Struct("<4sLQL")  # ... where the end with long numbers is
_LOCATOR_MAGIC = b"PK\6\7"
_LONG_END = struct.Struct("<4sQ2H2L4Q")
_LONG_END_MAGIC = b"PK\6\6"
_ENTRY = struct.Struct("<4s6H3L5H2L")  # of the directory
_ENTRY_MAGIC = b"PK\1\2"
_HEADER = struct.Struct("<4s5H3L2H")  # before a member
_IS_LONG = 0xFFFFFFFF  # the number is among the extra fields
_LONG_FIELD = 1
_ENCRYPTED = 1
_STORED, _DEFLATED = 0, 8

_LONGEST_DIRECTORY = 1 << 26  # bytes
_MOST_MEMBERS = 1 << 18
# No weights can be packed like this; zeros can, a thousand times as small.
_MOST_GAIN = 32
_SMALL = 1 << 26
_CHUNK = 1 << 16


class Member(NamedTuple):
    """A file in the zip file.

    Attributes:
        header: Where in the zip file it begins, with what is said of it there.
        packed: Bytes it takes there, without that.
        size: Bytes it has.
        method: How it is packed.
        end: Where the next one begins.
    """

    header: int
    packed: int
    size: int
    method: int
    end: int

    @property
    def is_packed(self) -> bool:
        """Whether its bytes are not in the file as they are."""
        return self.method != _STORED


def list_members(file: BinaryIO, size: int) -> dict[str, Member]:
    """The members by their names, in the order of the directory.

    Args:
        file: The zip file.
        size: Its bytes.

    Raises:
        ValueError: It is cut off, damaged or no zip file.
        RefusedError: No honest program writes such a file.
    """
    begin, length, count = _find_directory(file, size)
    if length > _LONGEST_DIRECTORY or count > _MOST_MEMBERS:
        raise RefusedError(f"a zip file with {count:,} members")
    file.seek(begin)
    directory = file.read(length)
    members: dict[str, Member] = {}
    at = 0
    for _ in range(count):
        name, member, at = _read_entry(directory, at)
        if name in members:
            raise RefusedError("a zip file with two members of one name")
        members[name] = member
    return _bounded(members, begin)


def _find_directory(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """Where it begins, its bytes and its entries."""
    tail_begin = max(0, size - _END.size - _LONGEST_COMMENT - _LOCATOR.size)
    file.seek(tail_begin)
    tail = file.read(size - tail_begin)
    at = tail.rfind(_END_MAGIC, 0, len(tail) - _END.size + len(_END_MAGIC))
    if at < 0:
        raise ValueError("a zip file that is cut off")
    *_, count, length, begin, _ = _END.unpack_from(tail, at)
    limit = tail_begin + at
    if tail[max(0, at - _LOCATOR.size) :].startswith(_LOCATOR_MAGIC) and at >= _LOCATOR.size:
        *_, place, _ = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
        limit -= _LOCATOR.size
        if place + _LONG_END.size > limit:
            raise ValueError("a zip file whose directory is damaged")
        file.seek(place)
        end = file.read(_LONG_END.size)
        if len(end) < _LONG_END.size or not end.startswith(_LONG_END_MAGIC):
            raise ValueError("a zip file whose directory is damaged")
        *_, count, length, begin = _LONG_END.unpack(end)
        limit = place
    if begin + length > limit or count * _ENTRY.size > length:
        raise ValueError("a zip file whose directory is damaged")
    return begin, length, count


def _read_entry(directory: bytes, at: int) -> tuple[str, Member, int]:
    """An entry's name, what it says, and where the next one begins."""
    if at + _ENTRY.size > len(directory):
        raise ValueError("a zip file whose directory is damaged")
    fields = _ENTRY.unpack_from(directory, at)
    magic, _, _, flags, method, _, _, _, packed, size = fields[:10]
    name_length, extra_length, comment_length, *_, header = fields[10:]
    name_begin = at + _ENTRY.size
    extra_begin = name_begin + name_length
    end = extra_begin + extra_length + comment_length
    if magic != _ENTRY_MAGIC or end > len(directory):
        raise ValueError("a zip file whose directory is damaged")
    if flags & _ENCRYPTED or method not in {_STORED, _DEFLATED}:
        raise ValueError("a zip file that is encrypted, or packed in a way no checkpoint is")
    if _IS_LONG in {size, packed, header}:
        extra = directory[extra_begin : extra_begin + extra_length]
        size, packed, header = _long_numbers(extra, [size, packed, header])
    name = directory[name_begin:extra_begin].decode(errors="surrogateescape")
    return name, Member(header, packed, size, method, 0), end


def _long_numbers(extra: bytes, numbers: list[int]) -> list[int]:
    """The numbers, with those that had no room taken from the extra fields."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _LONG_FIELD:
            field = extra[at + 4 : at + 4 + length]
            found = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            return [next(found, number) if number == _IS_LONG else number for number in numbers]
        at += 4 + length
    return numbers


def _bounded(members: dict[str, Member], limit: int) -> dict[str, Member]:
    """The members, each with its end: it can't go beyond the next one, or the directory."""
    order = sorted(members, key=lambda name: members[name].header)
    ends = [members[name].header for name in order[1:]] + [limit]
    for name, end in zip(order, ends, strict=True):
        member = members[name]
        if member.header + _HEADER.size + len(name.encode(errors="surrogateescape")) > end:
            raise RefusedError("a zip file whose members lie in one place")
        if member.header + _HEADER.size + member.packed > end:
            raise RefusedError("a zip file whose members overlap, or that is cut off")
        members[name] = member._replace(end=end)
    return members


def read_member(
    file: BinaryIO, member: Member, begin: int = 0, end: int | None = None
) -> bytearray:
    """Bytes of a member; fewer if it has fewer.

    Args:
        file: The zip file.
        member: Which.
        begin: The first byte.
        end: The byte after the last; None is all there are.

    Raises:
        ValueError: It is damaged.
        RefusedError: It would unpack to far more than it is.
    """
    end = member.size if end is None else min(end, member.size)
    file.seek(member.header)
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(MAGIC):
        raise ValueError("a zip file whose members are not where it says")
    *_, name_length, extra_length = _HEADER.unpack(header)
    data_begin = member.header + _HEADER.size + name_length + extra_length
    if data_begin + member.packed > member.end:
        raise ValueError("a zip file whose members are not where it says")
    file.seek(data_begin)
    if not member.is_packed:
        if member.size != member.packed:
            raise ValueError("a zip file that lies about a member's size")
        return read_at(file, data_begin + begin, end - begin)
    if member.size > max(_MOST_GAIN * member.packed, _SMALL):
        raise RefusedError(f"a zip bomb, {member.size:,} bytes in {member.packed:,}")
    return bytearray(_inflate(file, member, end)[begin:])


def _inflate(file: BinaryIO, member: Member, end: int) -> bytes:
    """The bytes of a member up to one of them."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    parts, left, wanted = [], member.packed, end
    try:
        while wanted and not inflater.eof:
            data = inflater.unconsumed_tail
            if not data:
                data = file.read(min(left, _CHUNK))
                left -= len(data)
            part = inflater.decompress(data, wanted)
            if not data and not part:
                break
            parts.append(part)
            wanted -= len(part)
    except zlib.error:
        raise ValueError("a zip file with a damaged member") from None
    if wanted:
        raise ValueError("a zip file that lies about a member's size")
    return b"".join(parts)
