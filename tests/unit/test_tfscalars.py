"""Scalar events as columns: as protobuf writes them, and as protobuf reads them."""

import math
import struct
from collections import defaultdict
from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

from trainviz_cli.codecs.tfrecord import Records, find_records, frame
from trainviz_cli.codecs.tfscalars.decode import Scalars, decode
from trainviz_cli.codecs.tfscalars.encode import encode, encode_one

NOW = 1767225600.123456
INT64 = 2**63 - 1
STEPS = [
    *(0, 1, -1, INT64, -INT64 - 1, -INT64),
    *(sign * (2 ** (7 * n) + d) for n in range(1, 9) for d in (-1, 0) for sign in (1, -1)),
]
TAGS = [
    "a",
    "train/loss",
    "loss ",
    " ",
    "\0",
    "a\0b\0",
    "é/ü",
    "損失/訓練",
    "\U0001f600",
    "\u2028\ufeff",
    "*\x15\n\n",  # the bytes that stand around a tag
    "k" * 100,
    "k" * 107,
    "k" * 127,
    "k" * 128,
    "é" * 64,
    "k" * 300,
    "k" * 5000,
    "k" * 16_384,
]
VALUES = [
    *(0.0, -0.0, 1.0, -1.5, 0.1, 1e-30, 1e30, math.pi),
    *(math.nan, -math.nan, math.inf, -math.inf),
    *(1e-46, 1e-45, 1.1754942e-38, -1e-300, 5e-324),
    *(3.4028234663852886e38, 3.4028235677973362e38, 3.4028235677973366e38, -1e39, 1e308),
]
TIMES = [NOW, 1.0, -1.0, 1e-300, 1e300, math.inf, math.nan, -0.0]
Event_ = tuple[str, float, int, float]


def event(tag: str, wall_time: float, step: int, value: float) -> Event:
    """The event as protobuf has it."""
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return Event(wall_time=wall_time, step=step, summary=summary)


def in_columns(events: Sequence[Event_]) -> bytes:
    """The events, made as columns."""
    tags = list(dict.fromkeys(tag for tag, _, _, _ in events))
    pieces = encode(
        tags,
        np.array([tags.index(tag) for tag, _, _, _ in events], np.int32),
        np.array([wall_time for _, wall_time, _, _ in events], np.float64),
        np.array([step for _, _, step, _ in events], np.int64),
        np.array([value for _, _, _, value in events], np.float64),
    )
    return b"".join(pieces)


def taken(payloads: Sequence[bytes]) -> dict[int, tuple[bytes, float, int, float]]:
    """What is taken for a plain scalar: the number of the payload, and what it says."""
    codes: defaultdict[bytes, int] = defaultdict(count().__next__)
    found = {}
    for part in decode(records(payloads), codes.__getitem__):
        assert [len(column) for column in part] == [len(part.places)] * len(Scalars._fields)
        tags = list(codes)
        for place, code, wall_time, step, value in zip(
            *(column.tolist() for column in part), strict=True
        ):
            assert place not in found
            found[place] = tags[code], wall_time, step, value
    return found


def records(payloads: Sequence[bytes]) -> Records:
    """The payloads as sound records."""
    return find_records(b"".join(map(frame, payloads))).records


def said(each: Event) -> tuple[bytes, float, int, float]:
    """What protobuf reads of an event of one scalar."""
    (value,) = each.summary.value
    return value.tag.encode(), each.wall_time, each.step, value.simple_value


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: f"{tag[:3]!a}*{len(tag)}")
@pytest.mark.parametrize("step", [0, 1, 128, -1])
def test_tags(tag: str, step: int) -> None:
    """Of any length and in any script: byte for byte what protobuf makes, one by one or many."""
    wanted = frame(event(tag, NOW, step, 0.5).SerializeToString())
    assert encode_one(tag, NOW, step, 0.5) == wanted
    assert in_columns([(tag, NOW, step, 0.5)] * 20) == wanted * 20


@pytest.mark.parametrize("step", STEPS)
def test_steps(step: int) -> None:
    """Each length a step can have, step 0 left out, negative ones in ten bytes."""
    wanted = frame(event("loss", NOW, step, 0.5).SerializeToString())
    assert encode_one("loss", NOW, step, 0.5) == wanted
    assert in_columns([("loss", NOW, step, 0.5)] * 3) == wanted * 3


@pytest.mark.parametrize("value", VALUES)
def test_values(value: float) -> None:
    """Rounded to float32 as protobuf rounds, NaN, zeros with a sign, what is too large for it."""
    wanted = frame(event("loss", NOW, 7, value).SerializeToString())
    assert encode_one("loss", NOW, 7, value) == wanted
    assert in_columns([("loss", NOW, 7, value)]) == wanted


@pytest.mark.parametrize("wall_time", TIMES)
def test_wall_times(wall_time: float) -> None:
    """Any float64."""
    wanted = frame(event("loss", wall_time, 7, 0.5).SerializeToString())
    assert encode_one("loss", wall_time, 7, 0.5) == wanted
    assert in_columns([("loss", wall_time, 7, 0.5)]) == wanted


@pytest.mark.parametrize(("tag", "wall_time"), [("", NOW), ("a", 0.0), ("", 0.0)])
@pytest.mark.parametrize("step", [0, 300])
def test_what_protobuf_would_leave_out(tag: str, wall_time: float, step: int) -> None:
    """An empty tag and time 0 may be written: for protobuf it is the same event."""
    written = in_columns([(tag, wall_time, step, 0.5)])
    assert written == encode_one(tag, wall_time, step, 0.5)
    assert Event.FromString(written[12:-4]) == event(tag, wall_time, step, 0.5)
    # Without a tag and a step it is too short to be a plain scalar: that is left to the long way.
    assert taken([written[12:-4]]) in ({}, {0: (tag.encode(), wall_time, step, 0.5)})


def test_a_tag_that_is_no_text() -> None:
    """What UTF-8 can't hold becomes a question mark, instead of an error at the end of training."""
    wanted = frame(event("a?b", NOW, 1, 0.5).SerializeToString())
    assert encode_one("a\ud800b", NOW, 1, 0.5) == wanted
    assert in_columns([("a\ud800b", NOW, 1, 0.5)]) == wanted


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param([], id="none"),
        pytest.param([0] * 5000, id="one"),
        pytest.param([0, 1, 2] * 700, id="three in turn"),
        pytest.param([0, 1, 2] * 700 + [0], id="a round begun"),
        pytest.param([0, 1, 0, 2] * 500, id="one twice a round"),
        pytest.param([0, 1, 2] * 9 + [3] + [0, 1, 2] * 99, id="validation now and then"),
        pytest.param([*range(64)] * 30, id="64 in turn"),
        pytest.param([*range(65)] * 30, id="65 in turn"),
        pytest.param([*range(300)] * 4, id="300 in turn"),
        pytest.param(np.random.default_rng(7).integers(0, 40, 3000).tolist(), id="in no order"),
        pytest.param([0] * 40_000, id="more than are made at a time"),
        pytest.param(([0, 1] * 900 + [1, 1, 2]) * 19, id="and in turn"),
    ],
)
def test_tags_in_any_order(codes: list[int]) -> None:
    """However tags take turns: the same bytes, in the same order, as one after the other."""
    events = [(f"k{code}" * (code % 7 + 1), NOW + i, i, i / 3) for i, code in enumerate(codes)]
    assert in_columns(events) == b"".join(encode_one(*each) for each in events)


def test_steps_that_grow_while_tags_take_turns() -> None:
    """Where a step takes a byte more, and where steps go back to 0 in the middle of a round."""
    steps = [*range(120, 135), *range(16_380, 16_390), 0, 0, -1, 2**35, 1, *range(200)]
    events = [(tag, NOW, step, 0.5) for step in steps for tag in ("loss", "lr", "val/acc")]
    assert in_columns(events) == b"".join(encode_one(*each) for each in events)


def test_ten_thousand_tags() -> None:
    """Each is written, and each is read."""
    events = [(f"layer/{i}/norm", NOW, step, float(i)) for step in (1, 2) for i in range(10_000)]
    data = in_columns(events)
    framing = find_records(data)
    codes: defaultdict[bytes, int] = defaultdict(count().__next__)
    parts = decode(framing.records, codes.__getitem__)
    assert len(codes) == 10_000
    places = np.concatenate([part.places for part in parts])
    values = np.concatenate([part.values for part in parts])
    assert values[places.argsort()].tolist() == [value for _, _, _, value in events]


@pytest.mark.parametrize("tag", ["", *TAGS[:10], "k" * 100, "k" * 107])
@pytest.mark.parametrize("step", STEPS)
def test_what_protobuf_writes_is_taken(tag: str, step: int) -> None:
    """Tag, time, step and value of an event like nearly all are read without protobuf."""
    each = event(tag, NOW, step, math.pi)
    found = taken([each.SerializeToString()])
    if tag:  # protobuf leaves an empty one out, which is left to the long way
        assert found == {0: said(each)}
    else:
        assert found in ({}, {0: said(each)})


@pytest.mark.parametrize("tag", ["k" * 108, "k" * 127, "k" * 128, "k" * 300])
def test_what_is_long_is_taken_rightly_or_left(tag: str) -> None:
    """Lengths of more than one byte are never misread."""
    each = event(tag, NOW, 7, math.pi)
    assert taken([each.SerializeToString()]) in ({}, {0: said(each)})


@pytest.mark.parametrize("length", range(110, 140))
@pytest.mark.parametrize("step", [b"", b"\x10\x01", b"\x10" + b"\xff" * 9 + b"\x01"])
def test_a_length_never_takes_a_byte_too_few(length: int, step: bytes) -> None:
    """What would be a plain scalar if lengths from 128 on fitted in a byte is none."""
    payload = b"\x09" + bytes(8) + step
    payload += bytes([0x2A, length + 9, 0x0A, length + 7, 0x0A, length]) + b"k" * length
    payload += b"\x15" + struct.pack("<f", 0.5)
    wanted = (b"k" * length, 0.0, {0: 0, 2: 1, 11: -1}[len(step)], 0.5)
    assert taken([payload]) in (({}, {0: wanted}) if length + 9 < 128 else ({},))


def test_bits_of_values_are_kept() -> None:
    """NaN with any payload, a NaN that signals too, infinities, and no warning about them."""
    bits = [0x7FC00000, 0xFFC00000, 0x7FA00000, 0x7F800001, 0x7F800000, 0xFF800000, 0x80000000]
    start = event("a", NOW, 1, 1.0).SerializeToString()[:-4]
    parts = decode(
        records([start + struct.pack("<I", each) for each in bits]), {b"a": 0}.__getitem__
    )
    (part,) = parts
    assert part.values.view(np.uint32).tolist() == bits


def others() -> dict[str, Event]:
    """Events that are no plain scalar."""
    two = Event(wall_time=NOW, step=1)
    for tag in "ab":
        two.summary.value.add(tag=tag, simple_value=1)
    plugin = SummaryMetadata.PluginData(plugin_name="scalars")
    with_metadata = event("a", NOW, 1, 1)
    with_metadata.summary.value[0].metadata.plugin_data.CopyFrom(plugin)
    with_node = event("a", NOW, 1, 1)
    with_node.summary.value[0].node_name = "n"
    tensor = Event(wall_time=NOW, step=1)
    tensor.summary.value.add(tag="a").tensor.float_val.append(1)
    return {
        "nothing": Event(),
        "a time": Event(wall_time=NOW, step=1),
        "a version": Event(wall_time=NOW, file_version="brain.Event:2"),
        "a graph": Event(wall_time=NOW, step=1, graph_def=b"*\x0d\x0a\x0b\x0a\x01a\x15abcd"),
        "an empty summary": Event(wall_time=NOW, step=1, summary=Summary()),
        "two values": two,
        "metadata": with_metadata,
        "a node": with_node,
        "a tensor": tensor,
        "a node as long as a value": Event(
            wall_time=NOW, summary=Summary(value=[{"tag": "loss", "node_name": "abc"}])
        ),
        "a tag without a value": Event(wall_time=NOW, summary=Summary(value=[{"tag": "abcde"}])),
    }


@pytest.mark.parametrize("name", others())
def test_what_else_there_may_be_is_left(name: str) -> None:
    """An event that is no plain scalar is not taken, alone or among scalars."""
    payload = others()[name].SerializeToString()
    plain = event("loss", NOW, 1, 0.5)
    assert taken([payload]) == {}
    assert taken([plain.SerializeToString(), payload, plain.SerializeToString()]) == {
        0: said(plain),
        2: said(plain),
    }


@pytest.mark.parametrize(
    "tags", [b"\x0a\x01a\x0a\x02bc", b"\x0a\x02bc\x0a\x01a", b"\x3a\x01n\x0a\x01a"]
)
def test_fields_that_repeat_or_come_in_another_order_are_left(tags: bytes) -> None:
    """Two tags, a node before the tag: what protobuf makes of them it has to say itself."""
    value = tags + b"\x15" + struct.pack("<f", 0.5)
    summary = bytes([0x0A, len(value)]) + value
    payload = b"\x09" + struct.pack("<d", NOW) + bytes([0x2A, len(summary)]) + summary
    assert len(Event.FromString(payload).summary.value) == 1
    assert taken([payload]) == {}


@pytest.mark.parametrize("step", [0, 1, 300])
@pytest.mark.parametrize("tag", ["ab", "loss", "k" * 40])
def test_any_byte_may_be_another(tag: str, step: int) -> None:
    """With each byte replaced by each other, an event is taken only for what protobuf reads."""
    payload = event(tag, 1.0, step, 0.5).SerializeToString()
    changed = [
        payload[:place] + bytes([byte]) + payload[place + 1 :]
        for place in range(len(payload))
        for byte in range(256)
    ]
    found = taken(changed)
    assert len(found) > 256 * 12  # times and values may be any
    for place, what in found.items():
        try:
            assert repr(what) == repr(said(Event.FromString(changed[place])))
        except DecodeError:  # a tag that is no text
            with pytest.raises(UnicodeDecodeError):
                what[0].decode()


def test_events_of_all_kinds_together() -> None:
    """Each knows which record it was, whatever the order and the lengths."""
    events = [
        event(tag, NOW + i, step, value)
        for i, (tag, step, value) in enumerate(
            (tag, step, value)
            for step in STEPS
            for tag in ("a", "train/loss", "é", "kk", "*\x15")
            for value in (0.5, math.inf)
        )
    ]
    payloads = [each.SerializeToString() for each in events]
    assert taken(payloads) == {place: said(each) for place, each in enumerate(events)}
    assert taken([b"", b"x", *payloads][::-1]) == {
        place: said(each) for place, each in enumerate(events[::-1])
    }


def test_no_records() -> None:
    """Nothing to take, no error."""
    assert decode(find_records(b"").records, {}.__getitem__) == []
