"""The last records of a log of JSON lines, without reading what lies before them."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

import orjson

from trainviz_cli.codecs.growing import READ_AT_ONCE, refuse_pointer
from trainviz_cli.codecs.lines import BOM, MAX_LINE_BYTES
from trainviz_cli.codecs.records import Record, parse_record
from trainviz_cli.errors import NotFoundError, UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

_NEWEST = 8  # lines that are parsed in any case
_WIDER = 16
_SHORTEST = len(b"{}")
_DIGITS = b"0123456789.+-"


class End(NamedTuple):
    """The end of a log.

    Attributes:
        records: Of the newest lines, and the last of each other kind of line, in the order written.
        total: How many lines the log has; unless `whole`, judged by the length of the last ones.
        modified: Unix seconds of the last change.
        whole: All of the log was in sight.
    """

    records: list[Record]
    total: int
    modified: float
    whole: bool


def last_records(path: Path, window: int) -> End:
    """The records in the last `window` bytes of a file, or in more if a line is longer.

    Lines with the same keys are of one kind: a log's training lines, its validations.

    Raises:
        NotFoundError: The file is gone.
        UnreadableError: It is a git-LFS pointer, or can't be opened.
    """
    try:
        file = os.open(path, READ_AT_ONCE)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError(f"{path} is no regular file", hint="name a log file")
            lines, seen = _last_lines(file, status.st_size, window)
        finally:
            os.close(file)
    except FileNotFoundError:
        raise NotFoundError(f"{path} is gone") from None
    except OSError as error:
        raise UnreadableError(f"can't read {path}: {error.strerror}") from None
    whole = seen >= status.st_size
    if whole:
        refuse_pointer(path, lines[0])
        lines[0] = lines[0].removeprefix(BOM)
    if parse_record(lines[-1]) is None:  # nothing, or half a line
        del lines[-1]
    if b"" in lines or b"\r" in lines:
        lines = [line for line in lines if len(line) >= _SHORTEST]
    total = len(lines) if whole else round(status.st_size * len(lines) / max(seen, 1))
    return End(_parse(_choose(lines)), total, status.st_mtime, whole)


def _last_lines(file: int, size: int, window: int) -> tuple[list[bytes], int]:
    """The whole lines in the window, and how many bytes they have; wider where it holds none."""
    while True:
        os.lseek(file, max(size - window, 0), os.SEEK_SET)
        data = os.read(file, min(window, size))
        if window < size:
            data = data[data.find(b"\n") + 1 :]  # the first line begins before the window
        lines = data.split(b"\n")
        if len(lines) > 1 or window >= min(size, MAX_LINE_BYTES):
            return lines, len(data)
        window *= _WIDER


def _choose(lines: list[bytes]) -> list[bytes]:
    """The newest lines, after the last of each other kind."""
    # Without digits, lines with the same keys are the same. Later lines take the place.
    older = lines[:-_NEWEST]
    kinds = b"\n".join(older).translate(None, _DIGITS).split(b"\n")
    last: dict[object, int] = dict(zip(kinds, range(len(older)), strict=True)) if older else {}
    if any(_has_digits(_first_key(older[place])) for place in last.values()):  # AP50, AP75
        last = {(kinds[i], _first_key(line)): i for i, line in enumerate(older)}
    return [*(lines[place] for place in sorted(last.values())), *lines[-_NEWEST:]]


def _first_key(line: bytes) -> bytes:
    return line.partition(b":")[0]


def _has_digits(key: bytes) -> bool:
    return len(key.translate(None, _DIGITS)) < len(key)


def _parse(lines: list[bytes]) -> list[Record]:
    """The records on these lines; what is no record is passed over."""
    try:
        records: list[Record] = orjson.loads(b"[%b]" % b",".join(lines))
    except orjson.JSONDecodeError:
        records = []
    if len(records) != len(lines) or set(map(type, records)) != {dict}:
        return [record for record in map(parse_record, lines) if record is not None]
    return records
