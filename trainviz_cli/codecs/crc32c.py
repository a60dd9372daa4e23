"""CRC-32C, of one message or of a column of equally long ones.

The sum is affine over GF(2): flipping a bit of a message flips the same bits of its sum, whatever
else the message says. So what each byte adds can be looked up by itself, and a column of messages
takes as many look-ups as they have bytes that differ.

Source: RFC 3720, appendix B.4 (the polynomial); TensorFlow, tsl/lib/hash/crc32c.h (the mask).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Sums = npt.NDArray[np.uint32]
Operator = npt.NDArray[np.uint32]  # (4, 256): what each byte of a sum becomes

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
_FULL = 0xFFFFFFFF
_SHORT = 1 << 13  # bytes up to which a loop is faster than setting up arrays
_LANE_BYTES = 256


def crc32c(data: bytes) -> int:
    """The sum of one message."""
    if len(data) <= _SHORT:
        state = _FULL
        for byte in data:
            state = _BYTES[(state ^ byte) & 255] ^ (state >> 8)
        return state ^ _FULL
    return _linear(data) ^ of_zeros(len(data))


def masked(sums: Sums) -> Sums:
    """The sums as event files hold them."""
    turned: Sums = (sums >> np.uint32(15)) | (sums << np.uint32(17))
    return turned + np.uint32(_MASK)


def masked_crc32c(data: bytes) -> int:
    """The sum of one message as event files hold it."""
    state = crc32c(data)
    return ((state >> 15 | state << 17) + _MASK) & _FULL


@cache
def of_zeros(length: int) -> int:
    """The sum of so many zero bytes."""
    state = np.array([_FULL], np.uint32)
    for bit in range(length.bit_length()):
        if length >> bit & 1:
            state = _apply(_zeros(bit), state)
    return int(state[0]) ^ _FULL


@cache
def byte_table(after: int) -> Sums:
    """(256,) what a byte adds to the sum of a message, with so many bytes after it."""
    table: Sums = np.array(_BYTES, np.uint32)
    for bit in range(after.bit_length()):
        if after >> bit & 1:
            table = _apply(_zeros(bit), table)
    return table


@cache
def pair_table(after: int) -> Sums:
    """(65536,) what two bytes add, as one little-endian number, with so many bytes after them."""
    first, second = byte_table(after + 1), byte_table(after)
    return (second[:, None] ^ first[None, :]).ravel()


def sums_of_rows(rows: npt.NDArray[np.uint8]) -> Sums:
    """(N,) the sums of N messages.

    Args:
        rows: (N, length), each row a message.
    """
    count, length = rows.shape
    sums = np.full(count, of_zeros(length), np.uint32)
    if length % 2:
        sums ^= byte_table(length - 1)[rows[:, 0]]
        rows = rows[:, 1:]
    pairs = np.ascontiguousarray(rows).view("<u2")
    for place in range(pairs.shape[1]):
        sums ^= pair_table(2 * (pairs.shape[1] - place) - 2)[pairs[:, place]]
    return sums


def _linear(data: bytes) -> int:
    """The sum without what the length adds: lanes side by side, then folded into each other."""
    lanes = -(-len(data) // _LANE_BYTES)
    lanes = 1 << (lanes - 1).bit_length()
    length = 1 << (-(-len(data) // lanes) - 1).bit_length()
    padded = np.zeros(lanes * length, np.uint8)  # zeros in front add nothing
    padded[len(padded) - len(data) :] = np.frombuffer(data, np.uint8)
    table = np.array(_BYTES, np.uint32)
    states = np.zeros(lanes, np.uint32)
    for column in np.ascontiguousarray(padded.reshape(lanes, length).T):
        states = table[(states ^ column) & np.uint32(255)] ^ (states >> np.uint32(8))
    bit = length.bit_length() - 1
    while len(states) > 1:
        states = _apply(_zeros(bit), states[0::2]) ^ states[1::2]
        bit += 1
    return int(states[0])


def _advance(states: Sums) -> Sums:
    """The states after one zero byte more."""
    stepped: Sums = np.array(_BYTES, np.uint32)[states & np.uint32(255)] ^ (states >> np.uint32(8))
    return stepped


@cache
def _zeros(bit: int) -> Operator:
    """What 2 ** bit zero bytes make of a state."""
    if bit == 0:
        units = np.arange(256, dtype=np.uint32)
        return np.stack([_advance(units << np.uint32(8 * place)) for place in range(4)])
    half = _zeros(bit - 1)
    return np.stack([_apply(half, column) for column in half])


def _apply(operator: Operator, states: Sums) -> Sums:
    result = np.zeros(len(states), np.uint32)
    for place in range(4):
        result ^= operator[place][(states >> np.uint32(8 * place)) & np.uint32(255)]
    return result


def _byte_table() -> list[int]:
    table = []
    for byte in range(256):
        state = byte
        for _ in range(8):
            state = state >> 1 ^ (_POLYNOMIAL if state & 1 else 0)
        table.append(state)
    return table


_BYTES = _byte_table()
