"""Records of TensorFlow's files: found, and checked against their sums.

A record is its length (u64), the sum of that, the payload, and the sum of that.
Source: tensorflow/core/lib/io/record_writer.cc.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from trainviz_cli.codecs.crc32c import crc32c, masked, masked_crc32c, sums_of_rows

if TYPE_CHECKING:
    from trainviz_cli.codecs.crc32c import Sums
    from trainviz_cli.model.series import IntArray

HEAD_BYTES, TAIL_BYTES = 12, 4
LONGEST = 1 << 31  # bytes of a payload; protobuf takes none longer
_AROUND = HEAD_BYTES + TAIL_BYTES
_FEW = 64  # records that are walked before a pattern is looked for
_MOST_WALKED = 1 << 16
_LONGEST_ROW = 256  # bytes of payloads that are summed side by side
_ROWS = 1 << 15  # of them, at a time


class Records(NamedTuple):
    """Whole, sound records.

    Attributes:
        data: What they stand in.
        starts: (N,) where in `data` each payload begins.
        lengths: (N,) bytes of each payload.
    """

    data: bytes
    starts: IntArray
    lengths: IntArray


class Framing(NamedTuple):
    """What was found in a piece of a file.

    Attributes:
        records: The sound ones.
        end: Everything before this byte of the piece has been found.
        damaged: Where in the piece records begin whose payload is not what was written.
        is_over: What stands at `end` is no length, so nothing after it can be found.
    """

    records: Records
    end: int
    damaged: list[int]
    is_over: bool


def frame(payload: bytes) -> bytes:
    """The payload as a record."""
    return head(len(payload)) + payload + struct.pack("<I", masked_crc32c(payload))


@lru_cache(maxsize=256)
def head(length: int) -> bytes:
    """What stands before a payload of this length."""
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc32c(packed))


def find_records(data: bytes) -> Framing:
    """The records that a piece of a file begins with, as far as they are whole."""
    starts, lengths, end = _walk(data)
    sound_lengths = _sums_at(data, starts - TAIL_BYTES) == _sums_of_lengths(lengths)
    is_over = not sound_lengths.all()
    if is_over:
        count = int(sound_lengths.argmin())
        end = int(starts[count]) - HEAD_BYTES
        starts, lengths = starts[:count], lengths[:count]
    elif end + HEAD_BYTES <= len(data):
        length = int.from_bytes(data[end : end + 8], "little")
        is_over = length > LONGEST or data[end : end + HEAD_BYTES] != head(length)
    sound = _check(data, starts, lengths)
    damaged = (starts[~sound] - HEAD_BYTES).tolist()
    return Framing(Records(data, starts[sound], lengths[sound]), end, damaged, is_over)


def rows_of(data: bytes, starts: IntArray, length: int) -> npt.NDArray[np.uint8]:
    """(N, length) the bytes of `data` from each start."""
    every = np.ndarray((len(data) - length + 1,), f"V{length}", data, strides=(1,))
    return every[starts].view(np.uint8).reshape(len(starts), length)


def _walk(data: bytes) -> tuple[IntArray, IntArray, int]:
    """Where whole payloads begin and how long they are, and where what follows them begins.

    From record to record is slow. But tags take turns, so once lengths have repeated, as many
    records are guessed as there is room for, and taken as far as their lengths are as guessed.
    """
    size = len(data)
    starts: list[IntArray] = []
    lengths: list[IntArray] = []
    at, steps = 0, _FEW
    while True:
        walked, at = _step_on(data, at, steps)
        if walked:
            ends = np.array(list(accumulate(length + _AROUND for length in walked)), np.int64)
            lengths.append(np.array(walked, np.int64))
            starts.append(at - ends[-1] + ends - lengths[-1] - TAIL_BYTES)
        if len(walked) < steps:
            break
        turn = _turn(walked)
        guessed = _guess(data, at, walked[-turn:]) if turn else 0
        if guessed:
            pattern = np.array(walked[-turn:], np.int64)
            lengths.append(np.resize(pattern, guessed))
            ends = at + np.cumsum(lengths[-1] + _AROUND)
            starts.append(ends - lengths[-1] - TAIL_BYTES)
            at = int(ends[-1])
        steps = _FEW if guessed > steps else min(2 * steps, _MOST_WALKED)
    if not starts:
        return np.empty(0, np.int64), np.empty(0, np.int64), 0
    return np.concatenate(starts), np.concatenate(lengths), min(at, size)


def _step_on(data: bytes, at: int, most: int) -> tuple[list[int], int]:
    """The lengths of the next payloads that are whole, and where the last of them is over."""
    lengths: list[int] = []
    unpack, size = struct.Struct("<Q").unpack_from, len(data)
    while len(lengths) < most and at + _AROUND <= size:
        (length,) = unpack(data, at)
        after = at + length + _AROUND
        if after > size:
            break
        lengths.append(length)
        at = after
    return lengths, at


def _turn(lengths: list[int]) -> int:
    """After how many records the lengths repeat, at the end of these; 0 if they don't."""
    half = len(lengths) // 2
    return next((n for n in range(1, half + 1) if lengths[-n:] == lengths[-2 * n : -n]), 0)


def _guess(data: bytes, at: int, pattern: list[int]) -> int:
    """How many records from `at` on are as long as the pattern says, over and over."""
    rounds = (len(data) - at) // (sum(pattern) + _AROUND * len(pattern))
    if not rounds:
        return 0
    guessed = np.tile(np.array(pattern, np.int64), rounds)
    begins = at + np.cumsum(guessed + _AROUND) - guessed - _AROUND
    found = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))[begins]
    right = found == guessed.astype(np.uint64)
    return len(right) if right.all() else int(right.argmin())


def _sums_at(data: bytes, places: IntArray) -> Sums:
    if not len(places):
        return np.empty(0, np.uint32)
    sums: Sums = np.ndarray((len(data) - 3,), "<u4", data, strides=(1,))[places]
    return sums


def _sums_of_lengths(lengths: IntArray) -> Sums:
    different, inverse = np.unique(lengths, return_inverse=True)
    sums = [masked_crc32c(struct.pack("<Q", length)) for length in different.tolist()]
    return np.array(sums, np.uint32)[inverse]


def _check(data: bytes, starts: IntArray, lengths: IntArray) -> npt.NDArray[np.bool_]:
    """(N,) whether each payload has its sum."""
    expected = _sums_at(data, starts + lengths)
    sums = np.empty(len(starts), np.uint32)
    for length in np.unique(lengths).tolist():
        places = np.flatnonzero(lengths == length)
        if length > _LONGEST_ROW:
            begins = starts[places].tolist()
            sums[places] = [crc32c(data[begin : begin + length]) for begin in begins]
            continue
        for chunk in range(0, len(places), _ROWS):
            some = places[chunk : chunk + _ROWS]
            sums[some] = sums_of_rows(rows_of(data, starts[some], length))
    right: npt.NDArray[np.bool_] = masked(sums) == expected
    return right


def find_first(data: bytes) -> int | None:
    """Where in a piece from the middle of a file the first record begins; None if nowhere."""
    if len(data) < HEAD_BYTES:
        return None
    count = len(data) - HEAD_BYTES + 1
    lengths = np.ndarray((count,), "<u8", data, strides=(1,))
    places = np.flatnonzero(lengths <= LONGEST)
    for chunk in range(0, len(places), _ROWS):
        some = places[chunk : chunk + _ROWS]
        right = masked(sums_of_rows(rows_of(data, some, 8))) == _sums_at(data, some + 8)
        if right.any():
            return int(some[right.argmax()])
    return None
