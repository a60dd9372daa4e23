"""CRC-32C: the sum of one message, of many at a time, and what a byte adds to it."""

import numpy as np
import pytest
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow as oracle

from trainviz_cli.codecs.crc32c import (
    byte_table,
    crc32c,
    masked,
    masked_crc32c,
    of_zeros,
    pair_table,
    sums_of_rows,
)

RANDOM = np.random.default_rng(4).bytes(1 << 17)
# Where the way of summing changes, and one byte to each side of every power of two.
LENGTHS = sorted(
    {*range(300), *(2**n + d for n in range(8, 15) for d in (-1, 0, 1)), 5000, 99_999, 1 << 17}
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_published_sums(message: bytes, expected: int) -> None:
    """The examples of RFC 3720, appendix B.4, and the check value of the polynomial."""
    assert crc32c(message) == expected


@pytest.mark.parametrize("data", [RANDOM, bytes(len(RANDOM)), b"\xff" * len(RANDOM)])
def test_messages_of_any_length(data: bytes) -> None:
    """Short ones, long ones, and those at which the way of summing changes are as TensorFlow's."""
    for length in LENGTHS:
        assert crc32c(data[:length]) == oracle.crc32c(data[:length]), length


def test_where_a_message_begins_does_not_matter() -> None:
    """The same bytes have the same sum wherever they were cut from."""
    for begin in (1, 2, 3, 5, 8, 13):
        assert crc32c(RANDOM[begin : begin + 4097]) == oracle.crc32c(RANDOM[begin : begin + 4097])


@pytest.mark.parametrize("length", [0, 1, 8, 41, 300, 5000])
def test_masked_sums(length: int) -> None:
    """As event files hold them: one, and the same in a column."""
    data = RANDOM[:length]
    assert masked_crc32c(data) == oracle.masked_crc32c(data)
    assert masked(np.array([crc32c(data)], np.uint32)).tolist() == [masked_crc32c(data)]


def test_masking_wraps_around() -> None:
    """Sums near 2^32 stay in 32 bits, without a warning."""
    sums = np.array([0, 1, 0x7FFF, 0x8000, 2**32 - 1], np.uint32)
    wanted = [((s >> 15 | s << 17) + 0xA282EAD8) & 0xFFFFFFFF for s in sums.tolist()]
    assert masked(sums).tolist() == wanted


@pytest.mark.parametrize("length", [*range(20), 95, 96, 97, 127, 128, 255, 256, 1025])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_rows_are_summed_as_messages_are(length: int, count: int) -> None:
    """A column of messages, however many, odd and even, gives each one's own sum."""
    messages = [RANDOM[i * length : (i + 1) * length] for i in range(count)]
    rows = np.frombuffer(b"".join(messages), np.uint8).reshape(count, length)
    assert sums_of_rows(rows).tolist() == [oracle.crc32c(message) for message in messages]


def test_rows_need_not_lie_together() -> None:
    """A slice of a wider table is summed as it reads."""
    wide = np.frombuffer(RANDOM[:900], np.uint8).reshape(9, 100)
    wanted = [oracle.crc32c(row.tobytes()) for row in wide[::2, 3:54]]
    assert sums_of_rows(wide[::2, 3:54]).tolist() == wanted


@pytest.mark.parametrize("length", [0, 1, 2, 3, 255, 256, 65_537])
def test_sums_of_zeros(length: int) -> None:
    """What a message's length alone gives."""
    assert of_zeros(length) == oracle.crc32c(bytes(length))


def test_sums_of_very_many_zeros() -> None:
    """No zeros are made for it: 2^60 have a sum too, unlike that of 2^60 + 1."""
    sums = {of_zeros(2**60 + d) for d in range(-3, 4)}
    assert len(sums) == 7
    assert all(0 <= each < 2**32 for each in sums)


@pytest.mark.parametrize("after", [0, 1, 2, 7, 100, 300, 4000, 20_000])
def test_what_bytes_add(after: int) -> None:
    """A byte, or two, adds the same to every sum, also far before the end of a long message."""
    zeros = oracle.crc32c(bytes(after + 1))
    bytes_, pairs = byte_table(after), pair_table(after)
    assert bytes_.shape == (256,)
    assert pairs.shape == (65_536,)
    for value in (0, 1, 128, 255):
        assert bytes_[value] ^ zeros == oracle.crc32c(bytes([value]) + bytes(after))
    zeros = oracle.crc32c(bytes(after + 2))
    for value in (0, 1, 255, 256, 0x1234, 0xFFFF):
        message = value.to_bytes(2, "little") + bytes(after)
        assert pairs[value] ^ zeros == oracle.crc32c(message)


@pytest.mark.parametrize("length", [1, 12, 40, 300, 2000])
def test_every_flipped_bit_is_noticed(length: int) -> None:
    """No single bit can change without the sum changing."""
    data = int.from_bytes(RANDOM[:length], "little")
    bits = range(8 * length) if length < 100 else range(0, 8 * length, 97)
    flipped = {crc32c((data ^ 1 << bit).to_bytes(length, "little")) for bit in bits}
    assert crc32c(RANDOM[:length]) not in flipped
    assert len(flipped) == len(bits)
