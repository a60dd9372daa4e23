"""Scalar events as records, made of columns or one by one."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from trainviz_cli.codecs.crc32c import byte_table, crc32c, masked, pair_table
from trainviz_cli.codecs.tfrecord import HEAD_BYTES, TAIL_BYTES, frame, head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trainviz_cli.codecs.crc32c import Sums
    from trainviz_cli.model.series import FloatArray, IntArray

Bytes = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int32]

_TIME_AT = 1
_STEP_AT = 10
_LONGEST_VARINT = 10
_ALL_BITS = (1 << 64) - 1
_CHUNK = 1 << 15  # events that are worked on while they are in the processor's cache
_MOST_IN_TURN = 1 << 14  # tags that take turns
_MOST_GUESSES = 16  # of how many do
_STRETCH = 1 << 10  # events that are made by themselves where none do


class Shape(NamedTuple):
    """An event of one tag whose step takes so many bytes.

    Attributes:
        record: The whole record, its time, step and value zero.
        step_bytes: 0 where the step is 0, which protobuf leaves out.
        crc: Sum of the payload as it stands in `record`.
    """

    record: bytes
    step_bytes: int
    crc: int

    @classmethod
    def of(cls, tag: bytes, step_bytes: int) -> Shape:
        """The shape of this tag's events."""
        step = b"\x10" + bytes(step_bytes) if step_bytes else b""
        payload = b"\x09" + bytes(8) + step + _before_value(tag) + bytes(4)
        record = head(len(payload)) + payload + bytes(TAIL_BYTES)
        return cls(record, step_bytes, crc32c(payload))


def encode(
    tags: Sequence[str], codes: Codes, wall_times: FloatArray, steps: IntArray, values: FloatArray
) -> Iterator[bytes]:
    """Records of scalar events, in the order given, some thousands at a time.

    Args:
        tags: Name of each code.
        codes: (N,) tag of each event.
        wall_times: (N,) unix seconds.
        steps: (N,) int64.
        values: (N,) float64; they are stored as float32.
    """
    shapes: dict[int, Shape] = {}
    names = [tag.encode("utf-8", "replace") for tag in tags]
    with np.errstate(over="ignore"):  # what is too large for it becomes infinite
        singles = values.astype("<f4")
    for start in range(0, len(codes), _CHUNK):
        part = slice(start, start + _CHUNK)
        lengths = _varint_lengths(steps[part])
        kinds = codes[part].astype(np.int64) * (_LONGEST_VARINT + 1) + lengths
        for kind in np.unique(kinds).tolist():
            if kind not in shapes:
                code, length = divmod(kind, _LONGEST_VARINT + 1)
                shapes[kind] = Shape.of(names[code], length)
        columns = _Columns(wall_times[part].astype("<f8"), steps[part].astype("<i8"), singles[part])
        yield from _encode_chunk(kinds, shapes, columns)


def encode_one(tag: str, wall_time: float, step: int, value: float) -> bytes:
    """The record of one scalar event."""
    try:
        single = struct.pack("<f", value)
    except OverflowError:  # too large for it
        single = struct.pack("<f", math.copysign(math.inf, value))
    number = b"\x10" + _varint(step & _ALL_BITS) if step else b""
    return frame(b"\x09" + struct.pack("<d", wall_time) + number + _named(tag) + single)


@lru_cache(maxsize=1 << 14)
def _named(tag: str) -> bytes:
    return _before_value(tag.encode("utf-8", "replace"))


def _before_value(tag: bytes) -> bytes:
    """An event's bytes between its step and its value."""
    value = b"\x0a" + _varint(len(tag)) + tag + b"\x15"
    summary = b"\x0a" + _varint(len(value) + 4) + value
    return b"\x2a" + _varint(len(summary) + 4) + summary


class _Columns(NamedTuple):
    times: npt.NDArray[np.float64]
    steps: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]

    def at(self, places: slice | IntArray) -> _Columns:
        return _Columns(self.times[places], self.steps[places], self.values[places])


def _encode_chunk(kinds: IntArray, shapes: dict[int, Shape], columns: _Columns) -> Iterator[bytes]:
    """Stretches in which tags take turns are made as one block, the rest event by event."""
    start = 0
    while start < len(kinds):
        turn, stop = _turns(kinds, start)
        if turn:
            yield _encode_turns(
                [shapes[kind] for kind in kinds[start : start + turn].tolist()],
                columns.at(slice(start, stop)),
            )
        else:
            yield _encode_mixed(kinds[start:stop], shapes, columns.at(slice(start, stop)))
        start = stop


def _turns(kinds: IntArray, start: int) -> tuple[int, int]:
    """After how many events the kinds repeat from here on, and up to where; 0 if they don't."""
    again = np.flatnonzero(kinds[start + 1 : start + 1 + _MOST_IN_TURN] == kinds[start])
    for turn in (again[:_MOST_GUESSES] + 1).tolist():
        differs = kinds[start + turn :] != kinds[start:-turn]
        same = int(differs.argmax()) if differs.any() else len(differs)
        rounds = same // turn + 1
        is_long = rounds >= 16 or (rounds > 1 and rounds * turn >= _STRETCH)
        if is_long or (rounds > 1 and start + turn + same == len(kinds)):
            return turn, start + rounds * turn
    return 0, min(start + _STRETCH, len(kinds))


def _encode_turns(turn: Sequence[Shape], columns: _Columns) -> bytes:
    """The records of events whose kinds take turns: a row is one round."""
    template = b"".join(shape.record for shape in turn)
    rows = np.empty((len(columns.steps) // len(turn), len(template)), np.uint8)
    rows[:] = np.frombuffer(template, np.uint8)
    at = 0
    for place, shape in enumerate(turn):
        end = at + len(shape.record)
        _fill(rows[:, at:end], shape, columns.at(slice(place, None, len(turn))))
        at = end
    return rows.tobytes()


def _encode_mixed(kinds: IntArray, shapes: dict[int, Shape], columns: _Columns) -> bytes:
    """The records of events in any order: each kind is made by itself, then put in its places."""
    records = np.empty(len(kinds), object)
    for kind in np.unique(kinds).tolist():
        places = np.flatnonzero(kinds == kind)
        shape = shapes[kind]
        rows = np.empty((len(places), len(shape.record)), np.uint8)
        rows[:] = np.frombuffer(shape.record, np.uint8)
        _fill(rows, shape, columns.at(places))
        records[places] = [row.tobytes() for row in rows]
    return b"".join(records.tolist())


def _fill(rows: Bytes, shape: Shape, columns: _Columns) -> None:
    """Writes time, step, value and sum into records of one shape."""
    length = len(shape.record) - HEAD_BYTES - TAIL_BYTES
    payload = rows[:, HEAD_BYTES : HEAD_BYTES + length]
    times = np.ascontiguousarray(columns.times)
    values = np.ascontiguousarray(columns.values)
    sums = np.full(len(rows), shape.crc, np.uint32)
    payload[:, _TIME_AT : _TIME_AT + 8] = times.view(np.uint8).reshape(-1, 8)
    _add_pairs(sums, times.view("<u2").reshape(-1, 4), length - _TIME_AT)
    number = columns.steps.view(np.uint64)
    for place in range(shape.step_bytes):
        byte = ((number >> np.uint64(7 * place)) & np.uint64(127)).astype(np.uint8)
        if place < shape.step_bytes - 1:
            byte |= np.uint8(128)
        payload[:, _STEP_AT + place] = byte
        sums ^= byte_table(length - _STEP_AT - place - 1)[byte]
    payload[:, length - 4 :] = values.view(np.uint8).reshape(-1, 4)
    _add_pairs(sums, values.view("<u2").reshape(-1, 2), 4)
    rows[:, HEAD_BYTES + length :] = masked(sums).astype("<u4").view(np.uint8).reshape(-1, 4)


def _add_pairs(sums: Sums, pairs: npt.NDArray[np.uint16], left: int) -> None:
    """Adds to the sums what pairs of bytes do, the first of which has `left` - 1 bytes after it."""
    for place in range(pairs.shape[1]):
        sums ^= pair_table(left - 2 * place - 2)[pairs[:, place]]


def _varint(number: int) -> bytes:
    """Protobuf's way to write a whole number."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _varint_lengths(numbers: IntArray) -> npt.NDArray[np.int64]:
    """(N,) how many bytes each takes; none where it is 0."""
    bounds = np.array([1, *(1 << 7 * n for n in range(1, _LONGEST_VARINT))], np.uint64)
    return np.searchsorted(bounds, numbers.view(np.uint64), "right")
