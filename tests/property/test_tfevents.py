"""Event files: what is read depends on the bytes alone, and is what TensorBoard reads."""

import math
import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow as oracle
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from trainviz_cli.codecs import tfbuild, tfevents
from trainviz_cli.codecs.crc32c import crc32c, masked_crc32c, sums_of_rows
from trainviz_cli.codecs.tfevents import EventFile, Events, last_events
from trainviz_cli.codecs.tfrecord import LONGEST, find_first, find_records, frame
from trainviz_cli.codecs.tfscalars.decode import decode
from trainviz_cli.codecs.tfscalars.encode import encode, encode_one
from trainviz_cli.errors import TrainvizError
from trainviz_cli.formats.tensorboard import FORMAT
from trainviz_cli.model.batch import assemble
from trainviz_cli.model.diagnostic import merge
from trainviz_cli.model.run import Histogram, Text
from trainviz_cli.model.series import Series
from trainviz_cli.runs import open_run

Scalar = tuple[str, float, int, float]

NAME = "events.out.tfevents.1767225600.host"
NOW = 1767225600.5
SIGNALS = 0x7FA00000  # a NaN
INT64 = st.integers(-(2**63), 2**63 - 1)
TAGS = st.sampled_from(["loss", "a", "lr", "é", "", "*\x15\n", "k" * 127, "k" * 300]) | st.text(
    max_size=6
)
STEPS = st.integers(0, 9) | st.sampled_from([0, 127, 128, 16_384, -1]) | INT64
TIMES = st.floats(0, 2e9) | st.floats()
SINGLES = st.floats(width=32) | st.integers(0, 2**32 - 1).map(
    lambda bits: struct.unpack("<f", struct.pack("<I", bits))[0]
)
SCALARS = st.tuples(TAGS, TIMES, STEPS, SINGLES)


def event(**fields: object) -> bytes:
    """A record of any event."""
    return frame(Event(**fields).SerializeToString())


def several(values: Sequence[tuple[str, float]], wall_time: float, step: int) -> bytes:
    """A record of several scalars."""
    value = [Summary.Value(tag=tag, simple_value=number) for tag, number in values]
    return event(wall_time=wall_time, step=step, summary=Summary(value=value))


def signalling(scalar: Scalar) -> bytes:
    """A record of a NaN that signals."""
    payload = encode_one(*scalar)[12:-8]
    return frame(payload + struct.pack("<I", SIGNALS))


PLAIN = SCALARS.map(lambda scalar: encode_one(*scalar))
MANY = st.builds(several, st.lists(st.tuples(TAGS, SINGLES), max_size=3), TIMES, STEPS)
TENSORS = st.builds(
    lambda tag, step, value: event(wall_time=NOW, step=step, summary=scalar_pb(tag, value)),
    TAGS,
    STEPS,
    SINGLES,
)
PICTURE = st.builds(tfbuild.image, TAGS, STEPS, TIMES, st.binary(max_size=50))
TEXT = st.builds(lambda tag, step: tfbuild.text(Text(tag, step, tag), NOW), TAGS, STEPS)
HISTOGRAM = st.builds(
    lambda tag, counts: tfbuild.histogram(
        Histogram(tag, 1, np.arange(len(counts) + 1.0), np.array(counts, float)), NOW
    ),
    TAGS,
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
)
SILENT = st.sampled_from(
    [tfbuild.file_version(NOW), frame(b""), event(graph_def=b"g" * 90), event(wall_time=NOW)]
)
SESSION = st.builds(tfbuild.session_start, TIMES, STEPS)
SOUND = PLAIN | PLAIN | PLAIN | MANY | TENSORS | PICTURE | TEXT | HISTOGRAM | SILENT | SESSION
ODD = (
    st.binary(max_size=40).map(frame)
    | SCALARS.map(signalling)
    | st.builds(
        lambda record, place: flipped(record, 12 + place % (len(record) - 12)),
        SOUND,
        st.integers(0, 500),
    )
)
SOUND_FILES = st.lists(SOUND, max_size=8).map(b"".join)
RECORDS = st.lists(SOUND | SOUND | ODD, max_size=8).map(b"".join)
ENDS = st.sampled_from([b"", b"", bytes(40), b"garbage" * 9, struct.pack("<Q", 2**60), b"\xff"])
DAMAGED_FILES = st.tuples(RECORDS, ENDS, RECORDS).map(b"".join)
CUTS = st.lists(st.integers(0, 2000), max_size=10)
BLOCK_BYTES = st.sampled_from([12, 40, 64, 300, 1 << 22])


def flipped(data: bytes, place: int, bit: int = 1) -> bytes:
    """The data with one bit changed."""
    changed = bytearray(data)
    changed[place] ^= bit
    return bytes(changed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples, which write the same files again."""
    return tmp_path_factory.mktemp("events")


def emptied(place: Path) -> Path:
    """A folder without what an earlier example left in it."""
    place.mkdir(exist_ok=True)
    for path in sorted(place.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    return place


def chunks(data: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """The data in pieces; some may be empty."""
    places = sorted(cut % (len(data) + 1) for cut in cuts)
    for begin, end in pairwise([0, *places, len(data)]):
        yield data[begin:end]


def polled(path: Path, parts: Iterator[bytes], block_bytes: int = 1 << 22) -> list[Events]:
    """What a reader gives of a new file that grows by these parts, polled after each."""
    path.unlink(missing_ok=True)
    reader = EventFile(path)
    polls = []
    with pytest.MonkeyPatch.context() as patch, path.open("ab", buffering=0) as file:
        patch.setattr(tfevents, "_BLOCK_BYTES", block_bytes)
        for part in parts:
            file.write(part)
            polls.append(reader.poll())
    assert not reader.restarts
    return polls


def samples(polls: Sequence[Events]) -> list[str]:
    """Each value as text that tells every digit."""
    found = []
    for events in polls:
        rows = events.rows.tolist()
        assert rows == sorted(rows)
        for code, row, value in zip(
            events.codes.tolist(), rows, events.values.tolist(), strict=True
        ):
            time, step = events.wall_times[row], events.steps[row]
            found.append(repr((events.tags[code], float(time), int(step), value)))
    return found


def shown(polls: Sequence[Events]) -> dict[str, object]:
    """All that polls gave, as one."""
    first_rows = np.cumsum([0, *(len(each.steps) for each in polls)]).tolist()
    return {
        "tags": list(polls[-1].tags),
        "samples": samples(polls),
        "sessions": [
            row + first
            for each, first in zip(polls, first_rows, strict=False)
            for row in each.sessions.tolist()
        ],
        "extras": repr([extra for each in polls for extra in each.extras]),
        "notes": sorted(merge(note for each in polls for note in each.diagnostics)),
    }


def columns(run_series: dict[str, Series]) -> dict[str, str]:
    """Each series as text that tells every digit."""
    return {
        key: repr(
            (
                *(each.steps.tolist(), each.values.tolist(), each.segments, each.begins),
                None if each.wall_times is None else each.wall_times.tolist(),
            )
        )
        for key, each in run_series.items()
    }


# Sums and records


@given(data=st.binary(max_size=2000), count_=st.integers(1, 5))
@settings(deadline=None, max_examples=100)
def test_sums_are_tensorflows(data: bytes, count_: int) -> None:
    """Of one message, of a column of them, and masked."""
    assert crc32c(data) == oracle.crc32c(data)
    assert masked_crc32c(data) == oracle.masked_crc32c(data)
    length = len(data) // count_
    rows = np.frombuffer(data[: count_ * length], np.uint8).reshape(count_, length)
    assert sums_of_rows(rows).tolist() == [oracle.crc32c(row.tobytes()) for row in rows]


def walked(data: bytes) -> tuple[list[bytes], int, list[int], bool]:
    """Records one after the other: sound payloads, where they are over, damaged ones, and why."""
    payloads, damaged, at = [], [], 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        if masked_crc32c(data[at : at + 8]) != struct.unpack_from("<I", data, at + 8)[0]:
            return payloads, at, damaged, True
        if length > LONGEST:
            return payloads, at, damaged, True
        end = at + 16 + length
        if end > len(data):
            break
        payload = data[at + 12 : end - 4]
        if masked_crc32c(payload) == struct.unpack_from("<I", data, end - 4)[0]:
            payloads.append(payload)
        else:
            damaged.append(at)
        at = end
    return payloads, at, damaged, False


PAYLOADS = st.lists(st.binary(max_size=12), max_size=6)


@given(
    turn=PAYLOADS,
    rounds=st.integers(1, 60),
    others=PAYLOADS,
    damage=st.lists(st.integers(0, 5000), max_size=2),
    cut=st.integers(0, 60),
    end=ENDS,
)
@settings(deadline=None, max_examples=300)
def test_records_are_those_that_a_walk_finds(
    turn: list[bytes],
    rounds: int,
    others: list[bytes],
    damage: list[int],
    cut: int,
    end: bytes,
) -> None:
    """However lengths take turns, wherever bits are flipped, wherever the data ends."""
    data = b"".join(map(frame, turn * rounds + others + turn * rounds)) + end
    for place in damage:
        if data:
            data = flipped(data, place % len(data))
    data = data[: len(data) - cut]
    framing = find_records(data)
    found = [
        data[start : start + length]
        for start, length in zip(
            framing.records.starts.tolist(), framing.records.lengths.tolist(), strict=True
        )
    ]
    assert (found, framing.end, framing.damaged, framing.is_over) == walked(data)


@given(payloads=PAYLOADS, at=st.integers(0, 300), garbage=st.binary(max_size=30))
@settings(deadline=None, max_examples=150)
def test_the_next_record_is_found_from_anywhere(
    payloads: list[bytes], at: int, garbage: bytes
) -> None:
    """The first place at which a length has its sum."""
    data = (garbage + b"".join(map(frame, payloads)))[at:]
    heads = [
        place
        for place in range(len(data) - 11)
        if int.from_bytes(data[place : place + 8], "little") <= LONGEST
        and masked_crc32c(data[place : place + 8])
        == int.from_bytes(data[place + 8 : place + 12], "little")
    ]
    assert find_first(data) == min(heads, default=None)


# Scalars as columns


@given(scalars=st.lists(SCALARS, max_size=6), order=st.lists(st.integers(0, 5), max_size=80))
@settings(deadline=None, max_examples=150)
def test_columns_are_what_protobuf_writes(scalars: list[Scalar], order: list[int]) -> None:
    """Made as columns or one by one: the same bytes, and protobuf's, but for what it leaves out."""
    events = [scalars[place % len(scalars)] for place in order if scalars]
    tags = [tag for tag, _, _, _ in scalars]
    pieces = encode(
        tags,
        np.array([tags.index(tag) for tag, _, _, _ in events], np.int32),
        np.array([time for _, time, _, _ in events], np.float64),
        np.array([step for _, _, step, _ in events], np.int64),
        np.array([value for _, _, _, value in events], np.float64),
    )
    assert b"".join(pieces) == b"".join(encode_one(*each) for each in events)
    for tag, time, step, value in events:
        theirs = several([(tag, value)], time, step)
        if tag and (time or math.copysign(1, time) < 0):
            assert encode_one(tag, time, step, value) == theirs
        else:
            ours = encode_one(tag, time, step, value)[12:-4]
            assert Event.FromString(ours).SerializeToString() == theirs[12:-4]


@given(
    scalar=SCALARS,
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 3),
    more=st.binary(max_size=2),
)
@settings(deadline=None, max_examples=500)
@example(scalar=("k" * 127, NOW, 0, 0.5), changes=[], cut=0, more=b"")
@example(scalar=("", 0.0, 0, 0.5), changes=[], cut=0, more=b"")
@example(scalar=("abcd", NOW, 1, 0.5), changes=[(0, 0x11)], cut=0, more=b"")
def test_what_is_taken_without_protobuf_is_what_it_reads(
    scalar: Scalar, changes: list[tuple[int, int]], cut: int, more: bytes
) -> None:
    """Any bytes at all: either they are left to protobuf, or it reads the very same from them."""
    payload = bytearray(encode_one(*scalar)[12:-4])
    for place, byte in changes:
        payload[place % len(payload)] = byte
    data = bytes(payload[: len(payload) - cut]) + more
    codes: defaultdict[bytes, int] = defaultdict(count().__next__)
    for part in decode(find_records(frame(data)).records, codes.__getitem__):
        ((tag,),) = (list(codes),)
        taken = (part.wall_times.item(), part.steps.item(), part.values.item())
        try:
            read = Event.FromString(data)
        except DecodeError:  # a tag that is no text is all that may be wrong
            with pytest.raises(UnicodeDecodeError):
                tag.decode()
            continue
        (value,) = read.summary.value
        assert value.tag.encode() == tag
        assert repr(taken) == repr((read.wall_time, read.step, value.simple_value))


# Files


@given(scalars=st.lists(SCALARS, max_size=20), block_bytes=BLOCK_BYTES)
@settings(deadline=None, max_examples=150)
def test_what_was_written_is_read(folder: Path, scalars: list[Scalar], block_bytes: int) -> None:
    """Write, then read, is the identity: any tags, times, steps, and values as float32."""
    data = b"".join(encode_one(*scalar) for scalar in scalars)
    polls = polled(folder / "log", iter([data]), block_bytes)
    assert samples(polls) == [repr(scalar) for scalar in scalars]
    assert polls[0].tags == list(dict.fromkeys(tag for tag, _, _, _ in scalars))
    assert not polls[0].diagnostics


@given(data=DAMAGED_FILES, cuts=CUTS, block_bytes=BLOCK_BYTES)
@settings(deadline=None, max_examples=250)
def test_events_do_not_depend_on_how_the_file_grew(
    folder: Path, data: bytes, cuts: list[int], block_bytes: int
) -> None:
    """Any chunks, polled after each, in blocks of any size, give what one poll of all gives."""
    at_once = polled(folder / "log", iter([data]))
    grown = polled(folder / "log", chunks(data, cuts), block_bytes)
    assert shown(grown) == shown(at_once)


@given(data=SOUND_FILES)
@settings(deadline=None, max_examples=8)
def test_a_cut_at_any_byte_gives_a_prefix(folder: Path, data: bytes) -> None:
    """Half a record is neither a sample nor damage, and the rest comes with the next poll."""
    whole = shown(polled(folder / "log", iter([data])))
    everything = whole["samples"]
    assert isinstance(everything, list)
    for cut in range(len(data) + 1):
        polls = polled(folder / "log", iter([data[:cut], data[cut:]]))
        prefix = samples(polls[:1])
        assert prefix == everything[: len(prefix)]
        assert not polls[0].diagnostics
        assert shown(polls) == whole


@given(data=RECORDS, cut=st.integers(0, 30), window=st.integers(1, 1500))
@settings(deadline=None, max_examples=200)
def test_the_end_says_what_the_whole_says(folder: Path, data: bytes, cut: int, window: int) -> None:
    """The last events of any window are the last that a whole reading gives."""
    data = data[: len(data) - cut]
    (whole,) = polled(folder / "log", iter([data]))
    events, records = last_events(folder / "log", window)
    # Plugins that were named before the window are not known in it: here each value names its own.
    found, everything = samples([events]), samples([whole])
    assert found == everything[len(everything) - len(found) :]
    if window >= len(data):
        assert found == everything
        assert records == len(whole.steps)


# Runs


@given(
    files=st.lists(
        st.tuples(st.sampled_from(["", "train", "validation"]), DAMAGED_FILES, CUTS), max_size=4
    )
)
@settings(deadline=None, max_examples=80)
def test_a_run_does_not_depend_on_how_its_files_grew(
    folder: Path, files: list[tuple[str, bytes, list[int]]]
) -> None:
    """The batches of a live reader, put together, are the run that is read afterwards."""
    place = emptied(folder / "run")
    (place / f"{NAME}.0").write_bytes(encode_one("first", NOW, 0, 0.0))
    reader = FORMAT.reader(place)
    batches = [reader.poll()]
    for i, (part, data, cuts) in enumerate(files, 1):
        (place / part).mkdir(exist_ok=True)
        for piece in chunks(data, cuts):
            with (place / part / f"{NAME}.{i}").open("ab") as file:
                file.write(piece)
            batches.append(reader.poll())
    run = open_run(place)
    assert columns(assemble(batches)) == columns(dict(run.series))
    grown = merge(note for batch in batches for note in batch.diagnostics)
    assert sorted(grown) == sorted(run.diagnostics)


@given(
    files=st.lists(st.tuples(st.sampled_from(["", "val"]), RECORDS), min_size=1, max_size=3),
    window=st.integers(1, 3000),
)
@settings(deadline=None, max_examples=120)
def test_a_glance_says_what_the_whole_says(
    folder: Path, files: list[tuple[str, bytes]], window: int
) -> None:
    """Of each key it saw, the latest value; and whether it is finite, and where."""
    place = emptied(folder / "run")
    (place / NAME).write_bytes(tfbuild.file_version(NOW))
    for i, (part, data) in enumerate(files):
        (place / part).mkdir(exist_ok=True)
        (place / part / f"{NAME}.{i}").write_bytes(data)
    whole = open_run(place)
    glance = FORMAT.glance(place, window)
    for key, value in glance.last.items():
        last = float(whole[key].values[-1])
        assert repr(value) == repr(last)
        assert glance.nonfinite.get(key) == (
            None if math.isfinite(last) else int(whole[key].steps[-1])
        )
    assert glance.nonfinite.keys() <= glance.last.keys()
    if glance.exact:
        assert set(glance.last) == set(whole)


@given(scalars=st.lists(SCALARS.filter(lambda scalar: scalar[2] >= 0), max_size=20))
@settings(deadline=None, max_examples=60)
def test_the_accumulator_reads_the_same(folder: Path, scalars: list[Scalar]) -> None:
    """TensorBoard's own reader gives the same steps, times and values of every tag."""
    place = emptied(folder / "accumulated")
    records = [tfbuild.file_version(NOW), *(encode_one(*scalar) for scalar in scalars)]
    (place / NAME).write_bytes(b"".join(records))
    theirs = EventAccumulator(str(place), size_guidance={"scalars": 0}).Reload()
    run = open_run(place)
    assert set(run) == set(theirs.Tags()["scalars"])
    for tag in run:
        mine = run[tag]
        times = [math.nan] * len(mine) if mine.wall_times is None else mine.wall_times.tolist()
        assert repr([*zip(times, mine.steps.tolist(), mine.values.tolist(), strict=True)]) == repr(
            [(each.wall_time, each.step, each.value) for each in theirs.Scalars(tag)]
        )


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@given(
    data=st.binary(max_size=300)
    | st.lists(st.binary(max_size=60).map(frame), max_size=6).map(b"".join)
    | DAMAGED_FILES
    | st.just(POINTER),
    cuts=CUTS,
    part=st.sampled_from(["", "train", "1767225600.5", "first_a"]),
    block_bytes=BLOCK_BYTES,
)
@settings(deadline=None, max_examples=300)
@example(data=bytes(300), cuts=[20], part="", block_bytes=12)
def test_no_bytes_are_an_error_of_another_kind(
    folder: Path, data: bytes, cuts: list[int], part: str, block_bytes: int
) -> None:
    """Anything at all is read to its end: as samples, as damage, or as the documented error."""
    place = emptied(folder / "run")
    reader = FORMAT.reader(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfevents, "_BLOCK_BYTES", block_bytes)
        for piece in chunks(data, cuts):
            (place / part).mkdir(exist_ok=True)
            for path in (place / NAME, place / part / f"{NAME}.2"):
                with path.open("ab") as file:
                    file.write(piece)
            try:
                reader.poll()
            except TrainvizError:
                break
    for ask in (
        lambda: FORMAT.glance(place, 50),
        lambda: [len(open_run(place)[key].view()) for key in open_run(place)],
        lambda: (FORMAT.images(place), FORMAT.texts(place), FORMAT.histograms(place)),
        lambda: FORMAT.config(place),
    ):
        try:
            ask()
        except TrainvizError as error:
            assert error.exit_code in {3, 4}  # noqa: PT017 - it need not be raised
