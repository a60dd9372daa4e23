"""Event files as columns of what came: whole, cut, damaged, replaced; and their ends."""

import math
import os
import struct
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog, TaggedRunMetadata
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from trainviz_cli.codecs import tfbuild, tfevents, tfmessages
from trainviz_cli.codecs.crc32c import masked_crc32c
from trainviz_cli.codecs.tfevents import EventFile, Events, last_events
from trainviz_cli.codecs.tfrecord import frame
from trainviz_cli.codecs.tfscalars.encode import encode_one
from trainviz_cli.errors import UnreadableError
from trainviz_cli.model.diagnostic import Diagnostic
from trainviz_cli.model.run import Histogram, Image, Text

NOW = 1767225600.5
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
WRONG_SUM = "record whose checksum is wrong"
Sample = tuple[str, int, float, float]
Change = Callable[[Path, bytes], None]


def scalar(tag: str, step: int, value: float = 0.5, wall_time: float = NOW) -> bytes:
    """A record of one scalar."""
    return encode_one(tag, wall_time, step, value)


def event(**fields: object) -> bytes:
    """A record of any event."""
    return frame(Event(**fields).SerializeToString())


def values(*pairs: tuple[str, float], step: int = 1) -> bytes:
    """A record of several scalars."""
    value = [Summary.Value(tag=tag, simple_value=number) for tag, number in pairs]
    return event(wall_time=NOW, step=step, summary=Summary(value=value))


VERSION = tfbuild.file_version(NOW)
SOURCE = event(wall_time=NOW, source_metadata={"writer": "w" * 19})
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
RECORDS = [
    VERSION,
    scalar("loss", 1, 4.5),
    values(("a", 1), ("b", 2), step=2),
    tfbuild.image("val/picture", 2, NOW, PICTURE),
    tfbuild.session_start(NOW, 3),
    event(wall_time=NOW, step=3, summary=scalar_pb("epoch_loss", 0.25)),
    scalar("loss", 3, math.inf),
    tfbuild.text(Text("note", 4, "hello"), NOW),
    tfbuild.histogram(Histogram("h", 4, np.array([0.0, 1.0]), np.array([2.0])), NOW),
    event(graph_def=b"x" * 300),
    scalar("loss", -1, math.nan),
]
FILE = b"".join(RECORDS)
BEGINS = [sum(map(len, RECORDS[:i])) for i in range(len(RECORDS) + 1)]


def samples(*polls: Events) -> list[Sample]:
    """Every value with its tag, step and time, in the order handed out."""
    found: list[Sample] = []
    for events in polls:
        assert len(events.codes) == len(events.rows) == len(events.values)
        assert len(events.steps) == len(events.wall_times)
        rows = events.rows.tolist()
        assert rows == sorted(rows)
        assert sorted({*rows}) == list(range(len(events.steps)))
        found += [
            (events.tags[code], int(events.steps[row]), float(events.wall_times[row]), value)
            for code, row, value in zip(
                events.codes.tolist(), rows, events.values.tolist(), strict=True
            )
        ]
    return found


def shown(*polls: Events) -> dict[str, object]:
    """All that polls gave, as one, in a form in which NaN is equal to itself."""
    first_rows = np.cumsum([0, *(len(each.steps) for each in polls)])
    places = zip(polls, first_rows.tolist(), strict=False)
    return {
        "samples": repr(samples(*polls)),
        "sessions": [row + first for each, first in places for row in each.sessions.tolist()],
        "extras": repr([extra for each in polls for extra in each.extras]),
        "notes": [note for each in polls for note in each.diagnostics],
    }


def read(path: Path, data: bytes) -> Events:
    """A whole file in one poll."""
    path.write_bytes(data)
    return EventFile(path).poll()


def claim(length: int, *, is_sound: bool) -> bytes:
    """What stands before a payload of so many bytes, its sum right or wrong."""
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc32c(packed) ^ (not is_sound))


def flipped(data: bytes, place: int) -> bytes:
    """The data with a bit of one byte changed."""
    changed = bytearray(data)
    changed[place] ^= 4
    return bytes(changed)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "events.out.tfevents.1767225600.host.1.0"


# What is in a sound file


def test_events_become_columns(log: Path) -> None:
    """Each value knows its tag and its event, each event its step and time."""
    events = read(log, FILE)
    assert repr(samples(events)) == repr(
        [
            ("loss", 1, NOW, 4.5),
            ("a", 2, NOW, 1.0),
            ("b", 2, NOW, 2.0),
            ("epoch_loss", 3, NOW, 0.25),
            ("loss", 3, NOW, math.inf),
            ("loss", -1, NOW, math.nan),
        ]
    )
    assert events.steps.tolist() == [1, 2, 3, 3, -1]
    assert events.sessions.tolist() == [2]
    assert events.diagnostics == ()


def test_what_else_there_is_is_found(log: Path) -> None:
    """Pictures where they lie in the file, texts and histograms, in the order written."""
    image, text, histogram = read(log, FILE).extras
    assert isinstance(image, Image)
    assert isinstance(histogram, Histogram)
    assert (image.name, image.step, image.path, image.length) == (
        *("val/picture", 2),
        *(log, len(PICTURE)),
    )
    assert FILE[image.offset :][: image.length] == PICTURE
    assert text == Text("note", 4, "hello")
    assert (histogram.edges.tolist(), histogram.counts.tolist()) == ([0, 1], [2])


@pytest.mark.parametrize(
    "tags",
    [
        ["loss", "a", "bb"],
        ["zz", "y" * 30, "x", "é", ""],
        [f"{'k' * (90 - i)}" for i in range(60)],
        ["k" * 200, "a", "k" * 300, "b"],
    ],
)
@pytest.mark.parametrize("steps", [[1, 2], [300, 1], [0, 5, 2**40]])
def test_tags_are_numbered_as_they_come(log: Path, tags: list[str], steps: list[int]) -> None:
    """Whatever their length, the length of their step, and how they are read."""
    written = [scalar(tag, step) for step in steps for tag in tags]
    events = read(log, b"".join(written))
    assert events.tags == tags
    assert [tag for tag, _, _, _ in samples(events)] == tags * len(steps)


def test_tags_are_numbered_as_they_come_whoever_wrote_them(log: Path) -> None:
    """Plain scalars, several at once and TF2's tensors among each other."""
    loss = event(step=1, summary=scalar_pb("epoch_loss", 1))
    events = read(log, values(("z", 1), ("y", 2)) + scalar("x", 1) + loss + scalar("w", 1))
    assert events.tags == ["z", "y", "x", "epoch_loss", "w"]


def test_the_order_written_is_kept(log: Path) -> None:
    """Steps repeat and go back, tags come in any order, some events hold several values."""
    numbers = np.random.default_rng(8).integers(0, 1000, (500, 3)).tolist()
    written, wanted = [], []
    for i, (tag, step, kind) in enumerate(numbers):
        name = f"k{tag % 30}"
        if kind < 900:
            written.append(scalar(name, step - 500, i))
            wanted.append((name, step - 500, NOW, i))
        else:
            written.append(values((name, i), ("also", -i), step=step))
            wanted += [(name, step, NOW, i), ("also", step, NOW, -i)]
    assert samples(read(log, b"".join(written))) == wanted


@pytest.mark.parametrize("step", [0, 1, -1, 127, 128, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("value", [0.0, -0.0, 1e-45, 3e38, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("tag", ["loss", "k" * 200])
def test_any_number(log: Path, tag: str, step: int, value: float) -> None:
    """Steps to the last digit, values as float32, whether read as columns or one by one."""
    events = read(log, scalar(tag, step, value))
    assert repr(samples(events)) == repr([(tag, step, NOW, float(np.float32(value)))])


@pytest.mark.parametrize("bits", [0x7FA00000, 0xFF800001, 0x7FC00000])
@pytest.mark.parametrize("tag", ["loss", "k" * 200])
def test_any_nan(log: Path, tag: str, bits: int) -> None:
    """One that signals too, which is no reason to warn."""
    payload = scalar(tag, 1)[12:-4]
    ((_, _, _, value),) = samples(read(log, frame(payload[:-4] + struct.pack("<I", bits))))
    assert math.isnan(value)


@pytest.mark.parametrize(
    "tag",
    ["", "a", "k" * 127, "k" * 128, "k" * 300, "k" * 10_000, "é" * 64, "\0", " ", "\U0001f600/ü"],
    ids=lambda tag: f"{tag[:2]!a}*{len(tag)}",
)
def test_any_tag(log: Path, tag: str) -> None:
    """Of any length, in any script, as protobuf writes it and as we do."""
    ours, protobufs = scalar(tag, 7, 0.5), values((tag, 0.5), step=7)
    assert samples(read(log, ours + protobufs)) == [(tag, 7, NOW, 0.5)] * 2


def test_a_tag_that_is_no_text(log: Path) -> None:
    """Bytes that are no UTF-8 are no error: the value is kept under some name, or told of."""
    payload = scalar("abcd", 1)[12:-4].replace(b"abcd", b"\xff\xfe\xff\xfe")
    events = read(log, scalar("loss", 1) + frame(payload) + scalar("loss", 2))
    assert [step for tag, step, _, _ in samples(events) if tag == "loss"] == [1, 2]
    assert len(samples(events)) + len(events.diagnostics) == 3


def test_ten_thousand_tags(log: Path) -> None:
    """Each with its own values."""
    tags = [f"layer{i}/grad" for i in range(10_000)]
    events = read(log, b"".join(scalar(tag, step) for step in (1, 2) for tag in tags))
    assert events.tags == tags
    assert events.codes.tolist() == [*range(10_000)] * 2


@pytest.mark.parametrize("fields", ["tsv", "vts", "svt", "vst", "stv", "tvs"])
def test_fields_in_any_order(log: Path, fields: str) -> None:
    """A protobuf may have its fields in any order: time, step and values."""
    parts = {
        "t": Event(wall_time=NOW),
        "s": Event(step=7),
        "v": Event(summary=Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])),
    }
    payload = b"".join(parts[field].SerializeToString() for field in fields)
    events = read(log, frame(payload) + scalar("loss", 8))
    assert samples(events) == [("loss", 7, NOW, 0.5), ("loss", 8, NOW, 0.5)]


def test_other_events_say_nothing(log: Path) -> None:
    """Versions, graphs, metadata and empty events are neither samples nor damage."""
    silent = [
        b"",
        event(),
        event(wall_time=NOW),
        event(step=3),
        event(wall_time=NOW, step=2**40, graph_def=b"*\x02\x0a\x00" * 9),
        event(meta_graph_def=b"\xff" * 99),
        event(tagged_run_metadata=TaggedRunMetadata(tag="t", run_metadata=b"*\xff")),
        event(wall_time=NOW, file_version="brain.Event:2", step=5),
        event(session_log=SessionLog(status=SessionLog.CHECKPOINT)),
        SOURCE,
    ]
    events = read(log, scalar("a", 1) + b"".join(silent) + scalar("a", 2))
    assert [step for _, step, _, _ in samples(events)] == [1, 2]
    assert (events.sessions.tolist(), events.extras, events.diagnostics) == ([], (), ())


@pytest.mark.parametrize("payload", [b"oops", b"\xff" * 200, b"\x09abc", b"*\x7f", b"\x10"])
def test_a_record_that_is_no_event_is_told_of(log: Path, payload: bytes) -> None:
    """Garbage whose checksum is right: counted, with where it is; the rest is read."""
    before = scalar("a", 1)
    events = read(log, before + frame(payload) + scalar("a", 2))
    assert [step for _, step, _, _ in samples(events)] == [1, 2]
    (note,) = events.diagnostics
    assert note.skipped == 1
    assert note.offset in {len(before), len(before) + 12}


def test_plain_scalars_are_read_without_protobuf(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a graph parsed, or what begins a file."""
    monkeypatch.delattr(tfmessages, "parse")
    data = VERSION + SOURCE + event(wall_time=NOW, graph_def=b"*" * 500_000)
    assert len(samples(read(log, data + scalar("a", 1) * 50 + scalar("bb", 300)))) == 51


@pytest.mark.parametrize("size", [1 << 22, (1 << 22) + 1, 9_000_000])
def test_a_huge_graph(log: Path, size: int) -> None:
    """Larger than what is read at a time: what is around it is read."""
    data = scalar("a", 1) + event(graph_def=bytes(size)) + scalar("a", 2)
    events = read(log, data)
    assert [step for _, step, _, _ in samples(events)] == [1, 2]
    assert events.diagnostics == ()
    (note,) = read(log, flipped(data, size // 2)).diagnostics
    assert note == Diagnostic(str(log), len(scalar("a", 1)), WRONG_SUM, 1)


# A file that grows


def test_the_next_poll_goes_on(log: Path) -> None:
    """Codes keep their meaning, rows begin at 0 again."""
    reader = EventFile(log)
    log.write_bytes(scalar("a", 1) + scalar("b", 1))
    first = reader.poll()
    with log.open("ab") as file:
        file.write(scalar("c", 2) + scalar("b", 2))
    second = reader.poll()
    assert (first.tags, second.tags) == (["a", "b"], ["a", "b", "c"])
    assert samples(second) == [("c", 2, NOW, 0.5), ("b", 2, NOW, 0.5)]
    assert shown(reader.poll())["samples"] == "[]"


def test_a_cut_at_any_byte(log: Path) -> None:
    """A prefix, quietly; and with the rest, what one reading of the whole file gives."""
    whole = shown(read(log, FILE))
    for cut in range(len(FILE) + 1):
        log.write_bytes(FILE[:cut])
        reader = EventFile(log)
        first = reader.poll()
        assert first.diagnostics == (), cut
        complete = [record for record, end in zip(RECORDS, BEGINS[1:], strict=True) if end <= cut]
        assert str(whole["samples"]).startswith(repr(samples(first))[:-1]), cut
        assert len(first.extras) == sum(b"PNG" in r or b"hello" in r for r in complete) + (
            cut >= BEGINS[9]
        ), cut
        with log.open("ab") as file:
            file.write(FILE[cut:])
        assert shown(first, reader.poll()) == whole, cut


def test_every_byte_by_itself(log: Path) -> None:
    """Polled after each byte, the file gives what it gives at once."""
    whole = shown(read(log, FILE))
    log.write_bytes(b"")
    reader = EventFile(log)
    polls = []
    with log.open("ab", buffering=0) as file:
        for place in range(len(FILE)):
            file.write(FILE[place : place + 1])
            polls.append(reader.poll())
    assert shown(*polls) == whole
    assert max(len(each.steps) for each in polls) == 1


@pytest.mark.parametrize("block", [12, 16, 57, 100, 1000])
def test_blocks_of_any_size(log: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """How much is read at a time changes nothing, a record may be longer than that."""
    whole = shown(read(log, FILE * 3))
    monkeypatch.setattr(tfevents, "_BLOCK_BYTES", block)
    assert shown(read(log, FILE * 3)) == whole


@pytest.mark.parametrize("block", [16, 57, 1000])
def test_damage_in_blocks_of_any_size(
    log: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Where it is does not depend on how much is read at a time."""
    data = flipped(flipped(FILE, BEGINS[3] + 50), BEGINS[8])
    whole = shown(read(log, data))
    monkeypatch.setattr(tfevents, "_BLOCK_BYTES", block)
    assert shown(read(log, data)) == whole
    assert [note.offset for note in read(log, data).diagnostics] == [BEGINS[3], BEGINS[8]]


def test_a_plugin_named_once_holds_for_later_polls(log: Path) -> None:
    """TF1's writer names it with the first value of a tag only."""
    summary = scalar_pb("a", 0.5)
    log.write_bytes(event(step=1, summary=summary))
    reader = EventFile(log)
    first = reader.poll()
    summary.value[0].ClearField("metadata")
    with log.open("ab") as file:
        file.write(event(step=2, summary=summary))
    assert [step for _, step, _, _ in samples(first, reader.poll())] == [1, 2]


def test_a_session_that_starts_at_the_end(log: Path) -> None:
    """It is said before which row it started, which may be the next one to come."""
    log.write_bytes(scalar("a", 1) + tfbuild.session_start(NOW, 2))
    reader = EventFile(log)
    assert reader.poll().sessions.tolist() == [1]
    with log.open("ab") as file:
        file.write(tfbuild.session_start(NOW, 2) * 2 + scalar("a", 2))
    assert reader.poll().sessions.tolist() == [0, 0]


def test_a_file_that_is_not_there_yet_is_waited_for(log: Path) -> None:
    """Nothing, until it is made."""
    reader = EventFile(log)
    assert samples(reader.poll()) == []
    log.write_bytes(FILE)
    assert len(samples(reader.poll())) == 6


def truncate(path: Path, data: bytes) -> None:
    """Cuts the file in place, then writes."""
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(data)


def replace(path: Path, data: bytes) -> None:
    """Puts another file in its place at once."""
    draft = path.with_name("draft")
    draft.write_bytes(data)
    draft.replace(path)


def remake(path: Path, data: bytes) -> None:
    """Deletes the file and makes it again."""
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize("change", [truncate, replace, remake])
@pytest.mark.parametrize("rest", [b"", scalar("new", 9), FILE[:-1], scalar("new", 9) * 50])
def test_a_file_begun_again_is_read_from_its_beginning(
    log: Path, change: Change, rest: bytes
) -> None:
    """Shorter or longer than before; the reader says that this is no continuation."""
    data = scalar("b", 5) + rest
    log.write_bytes(FILE)
    reader = EventFile(log)
    reader.poll()
    change(log, data)
    again = reader.poll()
    assert shown(again) == shown(read(log, data))
    assert reader.restarts == 1


def test_a_file_that_shrank_within_what_was_read(log: Path) -> None:
    """It is read anew, not from somewhere in the middle of a record."""
    log.write_bytes(FILE)
    reader = EventFile(log)
    reader.poll()
    os.truncate(log, BEGINS[2] + 5)
    assert [tag for tag, _, _, _ in samples(reader.poll())] == ["loss"]
    assert reader.restarts == 1


def test_a_file_that_lost_half_a_record_goes_on(log: Path) -> None:
    """What was not whole was never read, so nothing was taken back."""
    log.write_bytes(FILE[: BEGINS[2] + 5])
    reader = EventFile(log)
    first = reader.poll()
    os.truncate(log, BEGINS[2])
    with log.open("ab") as file:
        file.write(FILE[BEGINS[2] :])
    assert shown(first, reader.poll()) == shown(read(log, FILE))
    assert reader.restarts == 0


# A file that is read in budgets


@pytest.mark.parametrize("most", [0, 1, 100, 10_000])
@pytest.mark.parametrize("block", [16, 100])
def test_budgets_change_nothing(
    log: Path, monkeypatch: pytest.MonkeyPatch, most: int, block: int
) -> None:
    """Values, sessions, pictures and texts are those of one poll, damage included."""
    data = FILE + flipped(FILE, BEGINS[3] + 50) + FILE
    whole = shown(read(log, data))
    monkeypatch.setattr(tfevents, "_BLOCK_BYTES", block)
    reader = EventFile(log)
    polls = [reader.poll(most)]
    while reader.is_behind:
        polls.append(reader.poll(most))
    assert shown(*polls) == whole
    assert len(polls) > 3 or most == 10_000
    assert polls[-1].tags == EventFile(log).poll().tags


@pytest.mark.parametrize("block", [16, 100, 300])
def test_nothing_is_left_of_a_file_that_is_over(
    log: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """What stands behind a damaged length can't be read: nobody is told that it is there."""
    monkeypatch.setattr(tfevents, "_BLOCK_BYTES", block)
    log.write_bytes(flipped(FILE, BEGINS[3]))
    reader = EventFile(log)
    polls = [reader.poll(1)]
    while reader.is_behind:
        polls.append(reader.poll(1))
    assert len(samples(*polls)) == 3
    assert [len(each.diagnostics) for each in polls][-1] == 1


# Files with little in them, or with something else


@pytest.mark.parametrize(
    ("data", "size"),
    [(b"", 0), (VERSION, 40), (VERSION + SOURCE, 88)],
)
def test_a_file_with_nothing_in_it(log: Path, data: bytes, size: int) -> None:
    """Of 0, 40 or 88 bytes: no samples, no damage, and what comes later is read."""
    assert len(data) == size
    log.write_bytes(data)
    reader = EventFile(log)
    events = reader.poll()
    assert (samples(events), events.diagnostics, events.tags) == ([], (), [])
    with log.open("ab") as file:
        file.write(scalar("a", 1))
    assert len(samples(reader.poll())) == 1


def test_a_version_is_not_needed(log: Path) -> None:
    """CatBoost writes none."""
    assert samples(read(log, scalar("a", 1))) == [("a", 1, NOW, 0.5)]


def test_a_git_lfs_pointer_is_no_event_file(log: Path) -> None:
    """The documented error with the cure, however often it is asked; then the file itself."""
    log.write_bytes(POINTER)
    reader = EventFile(log)
    for _ in range(2):
        with pytest.raises(UnreadableError, match="git-LFS pointer") as caught:
            reader.poll()
        assert caught.value.hint == "git lfs pull"
    with pytest.raises(UnreadableError):
        last_events(log, 10)
    replace(log, FILE)
    assert len(samples(reader.poll())) == 6


def test_a_folder_is_no_event_file(tmp_path: Path) -> None:
    """The documented error."""
    with pytest.raises(UnreadableError):
        EventFile(tmp_path).poll()
    with pytest.raises(UnreadableError):
        last_events(tmp_path, 100)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_no_event_file(log: Path) -> None:
    """The documented error, instead of waiting for someone to write."""
    os.mkfifo(log)
    with pytest.raises(UnreadableError):
        EventFile(log).poll()
    with pytest.raises(UnreadableError):
        last_events(log, 100)


# Damage


def test_a_damaged_payload_costs_its_record(log: Path) -> None:
    """Where it begins is told, all damage of a kind in one note, and the rest is read."""
    data = flipped(flipped(FILE, BEGINS[1] + 20), BEGINS[7] - 1)
    events = read(log, data)
    assert repr([value for _, _, _, value in samples(events)]) == "[1.0, 2.0, 0.25, nan]"
    assert events.diagnostics == (Diagnostic(str(log), BEGINS[1], WRONG_SUM, 2, (BEGINS[6],)),)


def test_a_damaged_length_ends_the_file(log: Path) -> None:
    """Told once, with where; nothing after it is read, not even what comes later."""
    log.write_bytes(flipped(FILE, BEGINS[3]))
    reader = EventFile(log)
    events = reader.poll()
    assert len(samples(events)) == 3
    (note,) = events.diagnostics
    assert (note.offset, note.skipped) == (BEGINS[3], 1)
    with log.open("ab") as file:
        file.write(FILE)
    later = reader.poll()
    assert (samples(later), later.diagnostics) == ([], ())


def test_a_file_that_was_over_may_begin_anew(log: Path) -> None:
    """One put in its place is read."""
    log.write_bytes(bytes(100))
    reader = EventFile(log)
    assert len(reader.poll().diagnostics) == 1
    replace(log, FILE)
    assert len(samples(reader.poll())) == 6
    with log.open("ab") as file:
        file.write(scalar("a", 5))
    assert len(samples(reader.poll())) == 1


@pytest.mark.parametrize("length", [2**31 - 100, 2**31, 2**31 + 1, 2**60, 2**63, 2**64 - 1])
@pytest.mark.parametrize("is_sound", [True, False])
@pytest.mark.parametrize("size", [0, 1000, 5_000_000])
def test_a_record_that_claims_too_much(
    log: Path, length: int, size: int, *, is_sound: bool
) -> None:
    """No memory is taken for what is not there; what can't be a record is told of."""
    log.write_bytes(scalar("a", 1) + claim(length, is_sound=is_sound) + bytes(size))
    reader = EventFile(log)
    tracemalloc.start()
    try:
        events = reader.poll()
        again = reader.poll()
        tail = last_events(log, 100)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 26
    assert len(samples(events)) == 1
    assert samples(again) == []
    assert again.diagnostics == ()
    assert len(samples(tail[0])) <= 1
    may_be = is_sound and length <= 2**31  # the longest message there can be
    assert [note.offset for note in events.diagnostics] == ([] if may_be else [39])


@pytest.mark.parametrize("seed", range(5))
def test_garbage(log: Path, seed: int) -> None:
    """Random bytes, with and without sound records before them, are damage and no error."""
    garbage = np.random.default_rng(seed).bytes(5000)
    for data in (garbage, FILE + garbage):
        events = read(log, data)
        assert len(samples(events)) == (6 if data is not garbage else 0)
        assert [note.offset for note in events.diagnostics] == [len(data) - 5000]
        last_events(log, 500)


# The end of a file


def last_of(events: Sequence[Sample]) -> dict[str, str]:
    """The latest value of each tag."""
    return {tag: repr(value) for tag, _, _, value in events}


@pytest.mark.parametrize("cut", [0, 1, 5, 20, 40])
def test_the_last_events_of_any_window(log: Path, cut: int) -> None:
    """The file's last samples, whatever the window begins with; half a record is not missed."""
    data = FILE * 2 + scalar("end", 50)
    whole = samples(read(log, data[: len(data) - cut]))
    for window in [*range(1, len(data), 7), len(data), 2 * len(data)]:
        found = samples(last_events(log, window)[0])
        assert repr(found) == repr(whole[len(whole) - len(found) :]), window
        assert found, window
    events, count = last_events(log, 2 * len(data))
    assert count == len(events.steps)
    assert repr(samples(events)) == repr(whole)


def test_damage_near_the_end(log: Path) -> None:
    """A damaged record is passed over, as where the whole file is read."""
    data = FILE + flipped(scalar("a", 60), 30) + scalar("b", 61)
    whole = samples(read(log, data))
    for window in range(1, len(data) + 9, 5):
        found = samples(last_events(log, window)[0])
        assert repr(found) == repr(whole[len(whole) - len(found) :]), window


def test_a_window_within_a_long_record(log: Path) -> None:
    """It is widened until a record begins in it."""
    data = scalar("a", 1) + tfbuild.image("p", 2, NOW, np.random.default_rng(1).bytes(300_000))
    log.write_bytes(data)
    for window in (1, 100, 10_000):
        assert samples(last_events(log, window)[0]) in ([], [("a", 1, NOW, 0.5)])
    log.write_bytes(data + scalar("b", 3))
    assert last_of(samples(last_events(log, 20)[0]))["b"] == "0.5"


@pytest.mark.parametrize("window", [300, 1000, 4000])
def test_how_many_events_there_are(log: Path, window: int) -> None:
    """About as many as there are, from the length of the last ones."""
    log.write_bytes(VERSION + b"".join(scalar("loss", 1000 + i) for i in range(1000)))
    _, count = last_events(log, window)
    assert count == pytest.approx(1000, rel=0.2)


def test_how_many_events_there_are_beside_a_graph(log: Path) -> None:
    """One as large as all the rest, where torch and TF1 write it, doesn't count as many."""
    graph = event(wall_time=NOW, graph_def=bytes(180_000))
    log.write_bytes(VERSION + graph + b"".join(scalar("loss", 1000 + i) for i in range(1000)))
    _, count = last_events(log, 4096)
    assert count == pytest.approx(1000, rel=0.2)


def test_pictures_at_the_end_hide_no_values(log: Path) -> None:
    """What was logged last is looked for before them, as far as that is not far."""
    pictures = (tfbuild.image("p", i, NOW, bytes(10_000)) for i in range(10))
    log.write_bytes(b"".join(scalar("loss", i, i) for i in range(9999)) + b"".join(pictures))
    assert last_of(samples(last_events(log, 4096)[0])) == {"loss": "9998.0"}


@pytest.mark.parametrize("data", [b"", VERSION, b"x", bytes(11), bytes(5000)])
@pytest.mark.parametrize("window", [1, 100, 10_000])
def test_a_file_without_an_end(log: Path, data: bytes, window: int) -> None:
    """No events, no error."""
    log.write_bytes(data)
    events, count = last_events(log, window)
    assert (samples(events), count) == ([], 0)


def test_the_end_of_a_file_that_is_gone(log: Path) -> None:
    """It has none."""
    events, count = last_events(log, 100)
    assert (samples(events), count) == ([], 0)
