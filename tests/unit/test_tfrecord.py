"""Records of TensorFlow's files: which are whole, which are sound, where the next one begins."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
from tensorboard.summary.writer.record_writer import RecordWriter

from trainviz_cli.codecs.crc32c import masked_crc32c
from trainviz_cli.codecs.tfrecord import (
    HEAD_BYTES,
    LONGEST,
    TAIL_BYTES,
    Framing,
    find_first,
    find_records,
    frame,
    head,
    rows_of,
)

RANDOM = np.random.default_rng(5).bytes(1 << 16)
PAYLOADS = [b"first", b"", b"\0" * 9, RANDOM[:300], b"x", RANDOM[:97]]
FILE = b"".join(map(frame, PAYLOADS))
BEGINS = [sum(len(frame(p)) for p in PAYLOADS[:i]) for i in range(len(PAYLOADS) + 1)]
Lengths = Sequence[int]


def payloads(framing: Framing) -> list[bytes]:
    """What the sound records hold."""
    data, starts, lengths = framing.records
    return [
        data[start : start + length]
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]


def claim(length: int, *, is_sound: bool = True) -> bytes:
    """What stands before a payload of so many bytes, its sum right or wrong."""
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc32c(packed) ^ (not is_sound))


def flipped(data: bytes, place: int, bit: int = 0) -> bytes:
    """The data with one bit changed."""
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def test_records_are_written_as_tensorboard_writes_them(tmp_path: Path) -> None:
    """Byte for byte, whatever the payload is."""
    with (tmp_path / "log").open("wb") as file:
        writer = RecordWriter(file)
        for payload in PAYLOADS:
            writer.write(payload)
    assert (tmp_path / "log").read_bytes() == FILE


def test_tensorboard_reads_what_was_framed(tmp_path: Path) -> None:
    """Its own reader, which checks the sums, gives the payloads back."""
    (tmp_path / "log").write_bytes(FILE)
    reader = PyRecordReader_New(str(tmp_path / "log"))
    found = []
    for _ in PAYLOADS:
        reader.GetNext()
        found.append(reader.record())
    assert found == PAYLOADS


@pytest.mark.parametrize("length", [0, 1, 127, 2**31, 2**60, 2**64 - 1])
def test_heads_of_any_length(length: int) -> None:
    """Nothing as large as what a head announces is needed to make it."""
    assert head(length) == claim(length)


def test_every_record_is_found() -> None:
    """Payloads in their order, empty ones too, and nothing said against them."""
    framing = find_records(FILE)
    assert payloads(framing) == PAYLOADS
    assert framing[1:] == (len(FILE), [], False)
    assert framing.records.starts.tolist() == [begin + HEAD_BYTES for begin in BEGINS[:-1]]


def test_a_cut_at_any_byte_is_no_damage() -> None:
    """The whole records before it are found, and the file is not over."""
    for cut in range(len(FILE) + 1):
        framing = find_records(FILE[:cut])
        whole = sum(begin <= cut for begin in BEGINS) - 1
        assert payloads(framing) == PAYLOADS[:whole], cut
        assert framing[1:] == (BEGINS[whole], [], False), cut


def test_a_damaged_payload_costs_its_record() -> None:
    """Any byte of a payload or of its sum: that record is told of, the others are found."""
    for number, payload in enumerate(PAYLOADS):
        begin, end = BEGINS[number], BEGINS[number + 1]
        for place in range(begin + HEAD_BYTES, end):
            framing = find_records(flipped(FILE, place, place % 8))
            assert payloads(framing) == PAYLOADS[:number] + PAYLOADS[number + 1 :], place
            assert framing[1:] == (len(FILE), [begin], False), place
        assert end - begin == len(payload) + HEAD_BYTES + TAIL_BYTES


def test_a_damaged_length_is_the_end() -> None:
    """Any bit of a length or of its sum: what is before is found, nothing after it is sought."""
    for number in range(len(PAYLOADS)):
        for place in range(BEGINS[number], BEGINS[number] + HEAD_BYTES):
            for bit in range(8):
                framing = find_records(flipped(FILE, place, bit))
                assert payloads(framing) == PAYLOADS[:number], (place, bit)
                assert framing[1:] == (BEGINS[number], [], True), (place, bit)


def test_both_kinds_of_damage() -> None:
    """A damaged payload before a damaged length is told of, one after it can't be."""
    framing = find_records(flipped(flipped(flipped(FILE, 12), BEGINS[3]), len(FILE) - 1))
    assert payloads(framing) == PAYLOADS[1:3]
    assert framing[1:] == (BEGINS[3], [0], True)


@pytest.mark.parametrize("data", [b"", b"\1" * 11, b"x" * 11])
def test_less_than_a_head_says_nothing(data: bytes) -> None:
    """It may still become one."""
    assert payloads(find_records(data)) == []
    assert find_records(data)[1:] == (0, [], False)


@pytest.mark.parametrize("data", [bytes(12), bytes(5000), b"\xff" * 12, b"x" * 500, RANDOM])
def test_what_is_no_record_is_over_at_once(data: bytes) -> None:
    """Zeros, which a crash leaves, and garbage."""
    assert find_records(data)[1:] == (0, [], True)
    assert find_records(FILE + data)[1:] == (len(FILE), [], True)
    assert payloads(find_records(FILE + data)) == PAYLOADS


@pytest.mark.parametrize("rest", [b"", b"x" * 1000])
@pytest.mark.parametrize("length", [LONGEST + 1, 2**60, 2**63 - 1, 2**63, 2**64 - 17, 2**64 - 1])
@pytest.mark.parametrize("is_sound", [True, False])
def test_a_length_that_cannot_be(length: int, rest: bytes, *, is_sound: bool) -> None:
    """What protobuf could never read is no length, whether its sum is right or not."""
    framing = find_records(FILE + claim(length, is_sound=is_sound) + rest)
    assert payloads(framing) == PAYLOADS
    assert framing[1:] == (len(FILE), [], True)


@pytest.mark.parametrize("length", [1001, 2**20, 2**31 - 1])
def test_a_long_record_is_waited_for(length: int) -> None:
    """A length that may be, and is sound, is no damage."""
    framing = find_records(FILE + claim(length) + b"x" * 1000)
    assert framing[1:] == (len(FILE), [], False)


@pytest.mark.parametrize(
    "lengths",
    [
        pytest.param([40] * 500, id="all alike"),
        pytest.param([40, 41, 57] * 300, id="three in turn"),
        pytest.param([*range(30, 110)] * 20, id="eighty in turn"),
        pytest.param([40, 41] * 200 + [40] + [41, 40] * 200, id="one left out"),
        pytest.param([40] * 300 + [41] + [40] * 300, id="one other"),
        pytest.param([40] * 64 + [41] * 64 + [40, 41] * 64, id="as many as are walked"),
        pytest.param([0] * 1000, id="all empty"),
        pytest.param([0, 1, 0] * 200, id="some empty"),
        pytest.param([*range(2500)], id="thousands of lengths"),
        pytest.param([*range(2500, 0, -7)] * 3, id="thousands, again and again"),
        pytest.param([(i * i) % 97 for i in range(5000)], id="in turn after 97"),
        pytest.param(np.random.default_rng(6).integers(0, 60, 5000).tolist(), id="in no order"),
        pytest.param([50] * 400 + [5000] + [50] * 400, id="a long one between"),
        pytest.param([255, 256, 257, 258] * 100, id="where summing changes"),
    ],
)
def test_lengths_in_any_order(lengths: Lengths) -> None:
    """However lengths take turns or don't, each record is found, and a damaged one among them."""
    written = [RANDOM[: length - 1] + b"." if length else b"" for length in lengths]
    data = b"".join(map(frame, written))
    framing = find_records(data)
    assert framing[1:] == (len(data), [], False)
    assert framing.records.lengths.tolist() == list(lengths)
    assert payloads(framing) == written
    at = sum(len(payload) + HEAD_BYTES + TAIL_BYTES for payload in written[:-1])
    framing = find_records(flipped(data, len(data) - 1))
    assert framing[1:] == (len(data), [at], False)
    framing = find_records(flipped(data, at + 2))
    assert payloads(framing) == written[:-1]
    assert framing[1:] == (at, [], True)


def test_a_cut_in_a_long_row_of_records() -> None:
    """Where lengths are guessed, what is not whole is not guessed."""
    data = frame(b"x" * 40) * 300
    for cut in range(len(data) - 200, len(data) + 1):
        framing = find_records(data[:cut])
        assert framing[1:] == (cut // 56 * 56, [], False), cut
        assert len(framing.records.starts) == cut // 56, cut


def test_damage_in_a_long_row_of_records() -> None:
    """A length that is as guessed, but whose sum is wrong, is damage like any other."""
    data = frame(b"x" * 40) * 300
    framing = find_records(flipped(data, 56 * 200 + 9))
    assert framing[1:] == (56 * 200, [], True)
    assert len(framing.records.starts) == 200


def test_rows_are_cut_out_of_the_data() -> None:
    """Bytes from each start, overlapping ones and those at the very end too."""
    rows = rows_of(b"0123456789", np.array([0, 7, 1, 1]), 3)
    assert [row.tobytes() for row in rows] == [b"012", b"789", b"123", b"123"]


def test_the_first_record_of_a_piece() -> None:
    """From any byte of a file, the next record that begins there or after it is found."""
    for at in range(BEGINS[-2] + 1):
        assert find_first(FILE[at:]) == min(begin - at for begin in BEGINS if begin >= at), at


def test_a_piece_with_no_record() -> None:
    """The rest of one, however long, less than a head, nothing, zeros: there is none to find."""
    for at in range(BEGINS[-2] + 1, len(FILE) + 1):
        assert find_first(FILE[at:]) is None, at
    assert find_first(bytes(5000)) is None
    assert find_first(RANDOM) is None
    assert find_first(claim(2**60) + b"x" * 100) is None


def test_the_first_record_need_not_be_whole() -> None:
    """A head is enough: what it announces may not be there yet."""
    assert find_first(b"garbage" + head(500) + b"x") == 7
