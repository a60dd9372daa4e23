"""Scalar events as columns, taken out of their records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trainviz_cli.codecs.tfrecord import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainviz_cli.codecs.tfrecord import Records
    from trainviz_cli.model.series import FloatArray, IntArray

_TIME_AT, _STEP_AT = 1, 10
_LONGEST_VARINT = 10
_LONGEST = 127 + 2 + _STEP_AT + _LONGEST_VARINT  # of events whose lengths take a byte each


class Scalars(NamedTuple):
    """Events of one scalar each, in no order.

    Attributes:
        places: (N,) which of the records each one is.
        codes: (N,) its tag, as the caller numbers tags.
        wall_times: (N,) unix seconds.
        steps: (N,) int64.
        values: (N,) float32, as stored.
    """

    places: IntArray
    codes: npt.NDArray[np.int32]
    wall_times: FloatArray
    steps: IntArray
    values: npt.NDArray[np.float32]


def decode(records: Records, code_of: Callable[[bytes], int]) -> list[Scalars]:
    """The plain scalar events among the records, one part for each length of event.

    Args:
        records: Sound records.
        code_of: The number of a tag.
    """
    parts = []
    for length in np.unique(records.lengths).tolist():
        if _STEP_AT + 11 <= length <= _LONGEST:
            places = np.flatnonzero(records.lengths == length)
            payloads = rows_of(records.data, records.starts[places], length)
            parts += _of_one_length(payloads, places, code_of)
    return parts


def _of_one_length(
    rows: npt.NDArray[np.uint8], places: IntArray, code_of: Callable[[bytes], int]
) -> list[Scalars]:
    """The plain scalar events among payloads of one length, by the bytes their step takes."""
    parts = []
    step_bytes = _step_bytes(rows)
    for size in np.unique(step_bytes[step_bytes >= 0]).tolist():
        here = np.flatnonzero(step_bytes == size)
        part = rows[here]
        plain = _is_plain(part, _STEP_AT + size if size else _STEP_AT - 1)
        if not plain.all():
            part, here = part[plain], here[plain]
        if len(part):
            parts.append(_columns(part, size, places[here], code_of))
    return parts


def _step_bytes(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """(N,) how many bytes the step takes: none where it is left out; -1 where it isn't there."""
    starts_well = rows[:, 0] == 0x09
    left_out = starts_well & (rows[:, _STEP_AT - 1] == 0x2A)
    stops = rows[:, _STEP_AT : _STEP_AT + _LONGEST_VARINT] < 128
    lengths = np.where(stops.any(axis=1), stops.argmax(axis=1) + 1, -1)
    lengths[~(starts_well & (rows[:, _STEP_AT - 1] == 0x10))] = -1
    lengths[left_out] = 0
    return lengths


def _is_plain(rows: npt.NDArray[np.uint8], at: int) -> npt.NDArray[np.bool_]:
    """(N,) whether from `at` on there is one summary with one value: a tag, and a float."""
    length = rows.shape[1]
    tag = length - at - 11
    if tag < 0 or length - at - 2 > 127:  # that would take two bytes
        return np.zeros(len(rows), bool)
    expected = {
        at: 0x2A,
        at + 1: length - at - 2,
        at + 2: 0x0A,
        at + 3: length - at - 4,
        at + 4: 0x0A,
        at + 5: tag,
        length - 5: 0x15,
    }
    plain = np.ones(len(rows), bool)
    for place, byte in expected.items():
        plain &= rows[:, place] == byte
    return plain


def _columns(
    rows: npt.NDArray[np.uint8], step_bytes: int, places: IntArray, code_of: Callable[[bytes], int]
) -> Scalars:
    steps = np.zeros(len(rows), np.uint64)
    for place in range(step_bytes):
        byte = rows[:, _STEP_AT + place].astype(np.uint64) & np.uint64(127)
        steps |= byte << np.uint64(7 * place)
    tags_at = _STEP_AT + step_bytes + 6 if step_bytes else _STEP_AT + 5
    return Scalars(
        places=places,
        codes=_codes(rows[:, tags_at:-5], code_of),
        wall_times=_field(rows, _TIME_AT, "<f8"),
        steps=steps.view(np.int64),
        values=_field(rows, rows.shape[1] - 4, "<f4"),
    )


def _field(rows: npt.NDArray[np.uint8], at: int, kind: str) -> npt.NDArray[Any]:
    size = np.dtype(kind).itemsize
    column: npt.NDArray[Any] = np.ascontiguousarray(rows[:, at : at + size]).view(kind)
    return column.ravel()


def _codes(tags: npt.NDArray[np.uint8], code_of: Callable[[bytes], int]) -> npt.NDArray[np.int32]:
    """(N,) the code of each tag; tags that take turns are looked up once."""
    count, length = tags.shape
    if not length:
        return np.full(count, code_of(b""), np.int32)
    names = np.ascontiguousarray(tags).view(f"V{length}").ravel().tolist()
    return np.fromiter(map(code_of, names), np.int32, count)
